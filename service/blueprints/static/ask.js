// Send a form's call and show how it went: busy, answered, or refused, the same for every kind of model.

import { post } from "./api.js";
import { clearFaults, el, focusFault, markFault, one, shown } from "./dom.js";

/**
 * Make a section's form send what `call()` returns (null: there is nothing sound to send) and hand the answer to
 * `show(body)`, which returns the elements to display. `where(detail)` finds the field that a violation is about.
 * `send(body, place, signal)` is for answers that come in pieces: it puts them into `place` until the button
 * [data-stop] aborts the signal, and gives { body, milliseconds } in the end.
 */
export function asking(section, { call, show, where, send = (body) => post(section.dataset.url, body) }) {
  const form = one(section, "[data-form]");
  const button = one(form, "[type=submit]");
  const place = one(section, "[data-answer]");
  const time = one(section, "[data-time]");
  const stop = one(form, "[data-stop]");
  let running = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled")) return;
    clearFaults(form);
    const body = call();
    if (!body) return focusFault(form);
    busy(true);
    running = new AbortController();
    try {
      const answer = await send(body, place, running.signal);
      place.replaceChildren(...show(answer.body, body, answer.milliseconds));
      time.textContent = duration(answer.milliseconds);
      bringIntoView(place.closest(".panel"));
    } catch (problem) {
      const marked = mark(problem.details ?? []);
      place.replaceChildren(refusal(problem, marked));
      time.textContent = "";
      if (marked.size) focusFault(form);
      else bringIntoView(place.closest(".panel"));
    } finally {
      busy(false);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  stop?.addEventListener("click", () => running.abort());
  button.disabled = false;

  // Not `disabled`: that would take the focus away from whoever pressed it.
  function busy(on) {
    if (on) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    place.setAttribute("aria-busy", String(on));
    if (!stop) return;
    const focused = document.activeElement === stop;
    stop.hidden = !on;
    if (focused) button.focus(); // a hidden button would take the focus with it
  }

  /** Mark what is wrong at its field; returns the details that found one. */
  function mark(details) {
    const marked = new Set();
    for (const detail of details) {
      const field = where(detail);
      if (!field) continue;
      markFault(field, `expected ${detail.expected}, got ${detail.got}`);
      marked.add(detail);
    }
    return marked;
  }
}

function refusal(problem, marked) {
  const others = (problem.details ?? []).filter((detail) => !marked.has(detail) && detail.expected);
  const fields = marked.size === 1 ? "One field is marked." : `${marked.size} fields are marked.`;
  return el(
    "div",
    { class: "refusal" },
    el("p", { class: "what" }, marked.size ? `The model cannot take this. ${fields}` : problem.message),
    others.length ? el("ul", {}, ...others.map(violation)) : null,
    problem.retryAfter ? el("p", {}, `Try again in ${problem.retryAfter} s.`) : null,
    problem.requestId ? el("p", { class: "id" }, `Status ${problem.status}, request ${problem.requestId}`) : null,
  );
}

function violation({ column, parameter, input, expected, got }) {
  const name = column ?? parameter ?? input;
  return el("li", {}, `${name === undefined ? "" : `${name}: `}expected ${expected}, got ${got}`);
}

export function duration(milliseconds) {
  return milliseconds < 1000 ? `${shown(Number(milliseconds.toFixed(1)))} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** The answer as it came, for those who want to see it. */
export function raw(body) {
  return el("details", {}, el("summary", {}, "As JSON"), el("pre", { tabindex: "0" }, JSON.stringify(body, null, 2)));
}

function bringIntoView(panel) {
  const { top, bottom } = panel.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) panel.scrollIntoView({ block: "nearest" });
}
