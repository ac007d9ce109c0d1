// A table model's outputs for one row, as elements: the prediction large, probabilities as bars, the rest as numbers.

import { el, shown } from "./dom.js";
import { bars, terms } from "./lists.js";

const LISTED = 12; // entries of one output shown; the rest is in the JSON

const TITLES = {
  predict_proba: "Probabilities",
  decision_function: "Decision function",
  transform: "Transformed",
};

/** The prediction itself: a label, a number, or one for each target. */
export function headline(value) {
  if (value === null || typeof value !== "object") return el("p", { class: "label" }, el("mark", {}, shown(value)));
  return listed(Object.entries(value));
}

/** An answer of several targets or labels, however nested, as { name: number }; of one number, { "": number }. */
export function flat(answer, name = "") {
  if (answer === null || typeof answer !== "object") return { [name]: answer };
  const parts = Object.entries(answer).map(([key, value]) => flat(value, name ? `${name}: ${key}` : key));
  return Object.assign({}, ...parts);
}

/** Any other output, under its title. */
export function section(name, value) {
  return el("section", { class: "output" }, el("h3", {}, TITLES[name] ?? name), ...body(name, value));
}

/** The cosine of two vectors, as a number and a bar; one below 0 has none. */
export function similarity(cosine) {
  const bar = { name: "cosine", share: Math.max(0, cosine), look: "best" };
  return el("div", {}, el("p", { class: "label" }, el("mark", {}, cosine.toFixed(3))), bars([bar]));
}

function body(name, value) {
  if (name === "predict_proba" && value && typeof value === "object") return chances(value);
  if (value && typeof value === "object") return [listed(Object.entries(value))];
  return [el("p", { class: "number" }, shown(value))];
}

/** Probabilities: one set of bars, or one a target. */
function chances(value) {
  if (Object.values(value).every((one) => typeof one === "number")) return [ranked(Object.entries(value))];
  return Object.entries(value).flatMap(([target, ofTarget]) => [el("h4", {}, target), ranked(Object.entries(ofTarget))]);
}

/** Shares of 1 by their names, the largest first, as bars. */
export function ranked(entries) {
  const sorted = entries.toSorted(([, a], [, b]) => b - a).slice(0, LISTED);
  const rows = sorted.map(([name, share], place) => ({ name, share, told: percent(share), look: place ? "" : "best" }));
  return bars(rows, { below: more(entries.length) });
}

function listed(entries) {
  const pairs = entries.slice(0, LISTED).map(([name, value]) => [name, shown(value)]);
  return el("div", {}, terms(pairs), ...more(entries.length).map((text) => el("p", { class: "more" }, text)));
}

const more = (count) => (count > LISTED ? [`and ${count - LISTED} more`] : []);

/** Never 100 % or 0 % where it is not quite that. */
export function percent(share) {
  const rounded = (share * 100).toFixed(1);
  if (share < 1 && rounded === "100.0") return "> 99.9 %";
  if (share > 0 && rounded === "0.0") return "< 0.1 %";
  return `${rounded} %`;
}
