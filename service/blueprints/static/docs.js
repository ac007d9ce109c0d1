// The page of the API: every operation can be sent from here, and its curl follows what is typed.

import { copyText } from "./copy.js";
import { all, el, one } from "./dom.js";
import { keyHeader } from "./key.js";
import { shell } from "./literals.js";

const MOST_SHOWN = 20000; // characters of an answer

for (const form of all(document, "[data-try]")) liven(form);
filtering(one(document, "[data-filter]"));
reveal();
addEventListener("hashchange", reveal);

function liven(form) {
  const body = one(form, "[data-body]");
  const curl = one(form, "[data-curl]");
  const copy = one(form, "[data-copy]");
  const update = () => (curl.textContent = asCurl(call(form)));
  one(form, "[data-press]").hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  copy.addEventListener("click", () => copyText(curl.textContent, copy));
  const choices = one(form, "[data-examples]");
  if (choices) {
    choices.hidden = false;
    choices.addEventListener("click", ({ target }) => {
      if (!("example" in target.dataset)) return;
      for (const button of choices.children) button.setAttribute("aria-pressed", String(button === target));
      body.value = target.dataset.example;
      update();
    });
  }
}

/** What the form asks for: { method, url, headers, body }. */
function call(form) {
  const { method, media } = form.dataset;
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const field of all(form, "[data-in]")) {
    const { in: place } = field.dataset;
    if (place === "path" && field.value) path = path.replace(`{${field.name}}`, encodeURIComponent(field.value));
    else if (place === "query" && field.value) query.set(field.name, field.value);
    else if (place === "header" && field.value) headers[field.name] = field.value;
  }
  const asked = query.toString();
  const body = one(form, "[data-body]")?.value ?? null;
  if (body !== null) headers["Content-Type"] = media;
  return { method, url: location.origin + path + (asked && `?${asked}`), headers, body };
}

function asCurl({ method, url, headers, body }) {
  const known = body === null ? "GET" : "POST";
  const lines = [`curl ${method === known ? "" : `-X ${method} `}'${shell(url)}'`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H '${shell(`${name}: ${value}`)}'`);
  if (body !== null) lines.push(`-d '${shell(body)}'`);
  return lines.join(" \\\n  ");
}

async function send(form) {
  const { method, url, headers, body } = call(form);
  const place = one(form, "[data-answer]");
  place.hidden = false;
  place.setAttribute("aria-busy", "true");
  const began = performance.now();
  try {
    const response = await fetch(url, { method, headers: { ...keyHeader(), ...headers }, body });
    const text = await response.text();
    const took = `${Math.round(performance.now() - began)} ms`;
    const status = el("span", { class: `status s${String(response.status)[0]}` }, String(response.status));
    const told = el("p", { class: "time" }, status, ` ${took}, ${response.headers.get("X-Request-ID") ?? ""}`);
    place.replaceChildren(told, el("pre", { tabindex: "0" }, el("code", {}, readable(text))));
  } catch {
    place.replaceChildren(el("p", { class: "fault" }, "The server did not answer. Is it still running?"));
  }
  place.removeAttribute("aria-busy");
}

/** JSON indented, anything else as it came; cut where it would be too long to read. */
function readable(text) {
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // no JSON: a stream of events, say, or a page
  }
  return shown.length > MOST_SHOWN ? `${shown.slice(0, MOST_SHOWN)}\n… ${shown.length - MOST_SHOWN} more characters` : shown;
}

function filtering(input) {
  input.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const operation of all(document, "[data-operation]")) {
      const told = one(operation, "summary").textContent.toLowerCase();
      operation.hidden = !words.every((word) => told.includes(word));
    }
    for (const group of all(document, ".group")) {
      const operations = all(group, "[data-operation]");
      group.hidden = operations.length > 0 && operations.every((operation) => operation.hidden);
    }
  });
}

/** Open what the address names, wherever it stands. */
function reveal() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.tagName !== "DETAILS") return;
  named.open = true;
  named.scrollIntoView();
}
