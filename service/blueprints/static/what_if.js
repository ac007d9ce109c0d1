// What if: one column takes all of its values, the others stay, and the answers are drawn as a curve; one request.

import { post } from "./api.js";
import { drawn, el, one, shown } from "./dom.js";
import { table } from "./lists.js";
import { flat, percent } from "./outputs.js";

const POINTS = 41;
const LINES = 4;
const WIDTH = 320;
const HEIGHT = 150;
const EDGE = 6;

/**
 * Bring the panel to life. `rowNow()` gives the row or null, `write(column, value)` puts a value into its field.
 * Returns again(), to be called when the row has changed.
 */
export function whatIf(section, { rowNow, write, fieldOf }) {
  const panel = one(section, "[data-whatif]");
  if (!panel) return () => {};
  const choice = one(panel, "select");
  const place = one(panel, "[data-curve]");
  panel.hidden = false;

  let asked = ""; // the row and the column that the curve is of, or will be

  async function draw() {
    const column = choice.value;
    const row = rowNow();
    const mine = JSON.stringify([column, row]);
    if (!column || !row || mine === asked) return;
    asked = mine;
    place.setAttribute("aria-busy", "true");
    const values = valuesOf(fieldOf(column), row[column]);
    let failed = false;
    const elements = await curveOf(section, column, row, values, put).catch((problem) => {
      failed = true;
      return [el("p", { class: "refusal" }, el("span", { class: "what" }, problem.message))];
    });
    if (mine !== asked) return; // an older answer that came later
    if (failed) asked = ""; // it may be tried again
    place.replaceChildren(...elements);
    place.setAttribute("aria-busy", "false");
  }

  /** The slider puts its value into the row, of which the curve is still. */
  function put(column, value) {
    write(column, value);
    if (place.getAttribute("aria-busy") === "true") draw(); // the row has changed otherwise, too
    else asked = JSON.stringify([column, rowNow()]);
  }

  choice.addEventListener("change", draw);
  return draw;
}

async function curveOf(section, column, row, values, put) {
  const { measured, url } = section.dataset;
  const answer = await post(url, { instances: values.map((value) => ({ ...row, [column]: value })), outputs: [measured] });
  const told = measured === "predict_proba" ? percent : shown;
  return curve(column, values, nearest(values, row[column]), linesOf(answer.body.outputs[measured]), told, put);
}

/** The values that a column takes: its categories, or from the least to the most seen, the row's own (or none) among them. */
function valuesOf(field, own) {
  const select = one(field, "select");
  if (select) return [...select.options].filter((option) => option.value).map((option) => JSON.parse(option.value));
  const low = Number(field.dataset.low);
  const high = Number(field.dataset.high);
  const whole = field.dataset.kind === "integer";
  const count = whole ? Math.min(POINTS, high - low + 1) : POINTS;
  const all = Array.from({ length: count }, (_, place) => {
    const value = low + ((high - low) * place) / (count - 1);
    return whole ? Math.round(value) : Number(value.toPrecision(8));
  });
  if (own === null) return [null, ...all];
  return own >= low && own <= high ? [...new Set([...all, own])].toSorted((a, b) => a - b) : all;
}

/** Answers -> [{ name, values }]: a line for each label or target, the highest first. */
function linesOf(answers) {
  const all = answers.map((answer) => flat(answer));
  const lines = Object.keys(all[0]).map((name) => ({ name, values: all.map((answer) => answer[name]) }));
  return lines.toSorted((a, b) => Math.max(...b.values) - Math.max(...a.values)).slice(0, LINES);
}

/** The place of the value that is the row's own, or next to it. */
function nearest(values, own) {
  if (typeof own !== "number") return Math.max(0, values.indexOf(own));
  const away = values.map((value) => Math.abs(value - own));
  return away.indexOf(Math.min(...away));
}

/** told(number): how an answer is written. at: the place of the row's own value. */
function curve(column, values, at, lines, told, put) {
  const numbers = lines.every((line) => line.values.every((value) => typeof value === "number"));
  const sentence = el("p", { class: "told" });
  const slider = el("input", { type: "range", min: 0, max: values.length - 1, step: 1, value: at, "aria-label": column });
  const chart = numbers ? charted(values, lines, told) : null;
  const move = () => {
    const place = Number(slider.value);
    const answers = lines.map(({ name, values: of }) => `${name ? `${name} ` : ""}${told(of[place])}`);
    sentence.textContent = `${column} ${named(values[place])}: ${answers.join(", ")}`;
    slider.setAttribute("aria-valuetext", sentence.textContent);
    chart?.move(place);
  };
  slider.addEventListener("input", move);
  slider.addEventListener("change", () => put(column, values[Number(slider.value)]));
  move();
  return [chart?.element ?? "", slider, sentence, chart && lines.length > 1 ? legend(lines) : "", numbered(column, values, lines, told)];
}

/** Lines as an SVG, with a marker that move(place) moves. */
function charted(values, lines, told) {
  const all = lines.flatMap((line) => line.values);
  const low = told === percent ? 0 : Math.min(...all);
  const high = told === percent ? 1 : Math.max(...all);
  const scaled = values.some((value) => typeof value === "number" && values.every((other) => other === null || typeof other === "number"));
  const across = scaled ? values : values.map((_, place) => place);
  const on = [...values.keys()].filter((place) => across[place] !== null); // no value has no place on the axis of numbers
  const [first, last] = [across[on[0]], across[on.at(-1)]];
  const x = (place) => EDGE + ((WIDTH - 2 * EDGE) * (across[place] - first)) / (last - first || 1);
  const y = (value) => (high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * (value - low)) / (high - low));
  const marker = drawn("line", { class: "at", y1: 0, y2: HEIGHT });
  const dots = lines.map((_, place) => drawn("circle", { class: `dot line${place}`, r: 4 }));
  const paths = lines.map((line, place) => {
    const points = on.map((at) => `${x(at).toFixed(1)},${y(line.values[at]).toFixed(1)}`);
    return drawn("polyline", { class: `line${place}`, points: points.join(" ") });
  });
  const picture = drawn("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, marker, ...paths, ...dots);
  const element = el("div", { class: "chart" }, el("span", {}, told(high)), picture, el("span", {}, told(low)));
  const move = (place) => {
    for (const part of [marker, ...dots]) part.setAttribute("visibility", on.includes(place) ? "visible" : "hidden");
    if (!on.includes(place)) return;
    marker.setAttribute("x1", x(place));
    marker.setAttribute("x2", x(place));
    dots.forEach((dot, line) => {
      dot.setAttribute("cx", x(place));
      dot.setAttribute("cy", y(lines[line].values[place]));
    });
  };
  return { element, move };
}

const legend = (lines) => el("ul", { class: "legend" }, ...lines.map(({ name }, place) => el("li", { class: `line${place}` }, name)));

function numbered(column, values, lines, told) {
  const titles = [column, ...lines.map(({ name }) => name || "answer")];
  const rows = values.map((value, place) => [named(value), ...lines.map((line) => told(line.values[place]))]);
  return el("details", {}, el("summary", {}, "As numbers"), table(titles, rows, "The curve as numbers"));
}

const named = (value) => (value === null ? "none" : shown(value));
