// Why: how much each column adds to what the rows that were packed with the model get; asked of the server, on demand.

import { post } from "./api.js";
import { el, one, shown } from "./dom.js";
import { bars } from "./lists.js";
import { percent } from "./outputs.js";

const LISTED = 12;
const METHODS = {
  "closed form": "exact, for this model adds up its columns",
  "all coalitions": "exact, of all coalitions of the columns",
  permutations: "± two standard errors, of sampled permutations",
};

/** `rowNow()` gives the row or null. Returns outdated(), to be called when the row has changed. */
export function why(section, { rowNow }) {
  const panel = one(section, "[data-why]");
  if (!panel) return () => {};
  const place = one(panel, "[data-reasons]");
  const button = one(panel, "button");
  const empty = [...place.childNodes];
  let asking = 0; // which question an answer must be of to be shown
  panel.hidden = false;

  button.addEventListener("click", async () => {
    const row = rowNow();
    if (!row) return;
    const mine = (asking += 1);
    place.setAttribute("aria-busy", "true");
    const found = await reasons(section.dataset.url, row).catch((problem) => [el("p", { class: "broken" }, problem.message)]);
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

async function reasons(url, row) {
  const answer = await post(url, { instances: [row], outputs: ["explanation"] });
  const [explanation] = answer.body.outputs.explanation;
  if ("contributions" in explanation) return explained(explanation, row);
  return Object.entries(explanation).flatMap(([target, one]) => [el("h3", {}, target), ...explained(one, row)]);
}

function explained({ output, label, value, base, contributions, errors, method, background_rows: rows }, row) {
  const share = output === "predict_proba";
  const told = share ? percent : shown;
  const sorted = Object.entries(contributions).toSorted(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const most = Math.abs(sorted[0][1]) || 1;
  const rest = sorted.slice(LISTED).reduce((sum, [, added]) => sum + added, 0);
  const of = label ?? (output === "predict" ? "" : output.replace("_", " "));
  const bar = ([column, added]) => {
    const error = errors[column] ? ` ± ${signed(Number((2 * errors[column]).toPrecision(2)), share).slice(1)}` : "";
    const look = added < 0 ? "less" : "best";
    return { name: `${column} ${shown(row[column])}`, share: Math.abs(added) / most, told: signed(added, share) + error, look };
  };
  return [
    el("p", { class: "told" }, `${rows} rows of the sample get ${told(base)}${of && ` for ${of}`} on average, this one ${told(value)}. What each column adds:`),
    bars(sorted.slice(0, LISTED).map(bar), { look: "bars reasons" }),
    sorted.length > LISTED ? el("p", { class: "more" }, `and ${sorted.length - LISTED} more columns: ${signed(rest, share)} together`) : null,
    el("p", { class: "more" }, `Shapley values: ${METHODS[method]}. They add up.`),
  ].filter((part) => part !== null);
}

function signed(value, share) {
  const size = share ? `${shown(Number((100 * Math.abs(value)).toPrecision(3)))} points` : shown(Math.abs(value));
  return `${value < 0 ? "−" : "+"}${size}`;
}
