// Why: how each column moves the answer from that of a typical row to that of this row; one request, on demand.

import { post } from "./api.js";
import { el, one, shown } from "./dom.js";
import { bars } from "./lists.js";
import { flat, percent } from "./outputs.js";
import { coalitions, shapley } from "./shapley.js";

const LISTED = 12;

/** `rowNow()` gives the row or null. Returns outdated(), to be called when the row has changed. */
export function why(section, { rowNow, fieldOf }) {
  const panel = one(section, "[data-why]");
  if (!panel) return () => {};
  const place = one(panel, "[data-reasons]");
  const button = one(panel, "button");
  const typical = JSON.parse(panel.dataset.why);
  const output = section.dataset.measured;
  const empty = [...place.childNodes];
  let asking = 0; // which question an answer must be of to be shown
  panel.hidden = false;

  button.addEventListener("click", async () => {
    const row = rowNow();
    if (!row) return;
    const mine = (asking += 1);
    place.setAttribute("aria-busy", "true");
    const found = await reasons(section.dataset.url, row, spelled(typical, row, fieldOf), output).catch((problem) => [
      el("p", { class: "broken" }, problem.message),
    ]);
    if (mine === asking) fill(found);
  });

  function fill(elements) {
    place.replaceChildren(...elements);
    place.setAttribute("aria-busy", "false");
  }

  return () => {
    asking += 1;
    fill(empty);
  };
}

async function reasons(url, row, baseline, output) {
  const asked = coalitions(row, baseline);
  const answer = await post(url, { instances: asked.rows, outputs: [output] });
  return explained(asked, answer.body.outputs[output].map((one) => flat(one)), row, output);
}

/** The baseline with its moments spelled as in the row, where they are the same: a picker leaves seconds of 0 out. */
function spelled(baseline, row, fieldOf) {
  const same = Object.entries(baseline).filter(([column, value]) => {
    const moments = fieldOf(column)?.dataset.kind === "datetime" && value !== null && row[column] !== null;
    return moments && moment(value) === moment(row[column]);
  });
  return { ...baseline, ...Object.fromEntries(same.map(([column]) => [column, row[column]])) };
}

/** Of a day alone its beginning; a browser would take that for UTC's. */
const moment = (text) => Date.parse(text.length === "2026-01-01".length ? `${text}T00:00` : text);

function explained(asked, answers, row, output) {
  if (!asked.columns.length) return [el("p", {}, "This row is the typical one.")];
  const last = answers[asked.exact ? answers.length - 1 : asked.columns.length]; // all columns are the row's own
  const shares = output === "predict_proba";
  const names = Object.keys(last);
  const target = shares ? names.toSorted((a, b) => last[b] - last[a])[0] : names[0];
  const numbers = answers.map((answer) => answer[target]);
  if (!numbers.every((number) => typeof number === "number")) return [el("p", {}, "The answers are no numbers that could be added up.")];
  const told = shares ? percent : shown;
  const { base, answer, values } = shapley(asked, numbers);
  const sorted = values.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const most = Math.max(...sorted.map(({ value }) => Math.abs(value))) || 1;
  const rest = sorted.slice(LISTED).reduce((sum, { value }) => sum + value, 0);
  const of = target || output !== "predict" ? ` for ${target || output.replace("_", " ")}` : "";
  return [
    el("p", { class: "told" }, `A typical row gets ${told(base)}${of}, this one ${told(answer)}. What each column adds:`),
    bars(sorted.slice(0, LISTED).map((one) => bar(one, row, most, shares)), { look: "bars reasons" }),
    sorted.length > LISTED ? el("p", { class: "more" }, `and ${sorted.length - LISTED} more columns: ${signed(rest, shares)} together`) : null,
    el("p", { class: "more" }, note(asked)),
  ].filter((part) => part !== null);
}

function bar({ column, value, error }, row, most, share) {
  const within = error ? ` ± ${signed(Number((2 * error).toPrecision(2)), share).slice(1)}` : "";
  const look = value < 0 ? "less" : "best";
  return { name: `${column} ${shown(row[column])}`, share: Math.abs(value) / most, told: signed(value, share) + within, look };
}

function signed(value, share) {
  const size = share ? `${shown(Number((100 * Math.abs(value)).toPrecision(3)))} points` : shown(Math.abs(value));
  return `${value < 0 ? "−" : "+"}${size}`;
}

const note = ({ exact, plan }) =>
  exact
    ? "Shapley values of all coalitions: exact, and they add up."
    : `Shapley values of ${plan.length} permutations, ± two standard errors; they add up.`;
