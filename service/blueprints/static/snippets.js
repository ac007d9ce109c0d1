// The same call from code: rewritten as the form changes, one language at a time, with a button that copies it.

import { copyText } from "./copy.js";
import { all, el, one } from "./dom.js";
import { pretty, python, shell } from "./literals.js";

// What a hole in a snippet is filled with, by its name: (the part of the body it is of, its depth) -> text.
const FILL = {
  origin: () => window.location.origin,
  shell: (body) => shell(pretty(body)),
  json: (body) => pretty(body),
  python,
  arguments: (value, _, name) =>
    Object.entries(Array.isArray(value) ? { [name]: value } : (value ?? {}))
      .map(([key, item]) => `    ${key}=${python(item)},\n`)
      .join(""),
};

/** Turn a panel of snippets into tabs; returns update(body), to be called whenever the call changes. */
export function snippets(panel) {
  tabs(panel);
  const holes = all(panel, "[data-hole]");
  return (body) => {
    for (const hole of holes) {
      const { hole: kind, of = "", depth = 0 } = hole.dataset;
      const part = of.split(".").reduce((value, key) => (key ? value?.[key] : value), body);
      hole.textContent = FILL[kind](part, Number(depth), of);
    }
  };
}

function tabs(panel) {
  const parts = all(panel, ".snippet");
  const buttons = parts.map((part) => {
    const title = part.dataset.title;
    part.setAttribute("role", "tabpanel");
    part.setAttribute("aria-label", title);
    one(part, "h3").hidden = true;
    return el("button", { type: "button", role: "tab", "aria-controls": part.id }, title);
  });
  const choose = (chosen) => {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-selected", String(button === chosen));
      button.tabIndex = button === chosen ? 0 : -1;
      parts[place].hidden = button !== chosen;
    });
  };
  const list = el("div", { role: "tablist", class: "tabs", "aria-label": "Language" }, ...buttons);
  list.addEventListener("click", (event) => buttons.includes(event.target) && choose(event.target));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = buttons.at((buttons.indexOf(event.target) + step) % buttons.length);
    choose(next);
    next.focus();
  });
  const copy = el("button", { type: "button", class: "copy" }, "Copy");
  copy.addEventListener("click", () => copyText(one(panel, ".snippet:not([hidden]) code").textContent, copy));
  panel.querySelector("h2").after(el("div", { class: "tools" }, list, copy));
  choose(buttons[0]);
}
