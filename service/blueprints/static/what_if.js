// What if: one column takes all of its values, the others stay, and the answers are drawn as a curve; one request.

import { post } from "./api.js";
import { drawn, el, one, shown } from "./dom.js";
import { flat, percent } from "./outputs.js";

const POINTS = 41;
const LINES = 4;
const WIDTH = 320;
const HEIGHT = 150;
const EDGE = 6;

/**
 * Bring the panel to life. `rowNow()` gives the row or null, `write(column, value)` puts a value into its field.
 * Returns again(), to be called when the row has changed and was answered.
 */
export function whatIf(section, { rowNow, write, fieldOf }) {
  const panel = one(section, "[data-whatif]");
  if (!panel) return () => {};
  const choice = one(panel, "select");
  const place = one(panel, "[data-curve]");
  panel.hidden = false;

  async function draw() {
    const column = choice.value;
    const row = rowNow();
    if (!column || !row) return;
    const values = valuesOf(fieldOf(column), row[column]);
    place.setAttribute("aria-busy", "true");
    try {
      const output = section.dataset.measured;
      const body = { instances: values.map((value) => ({ ...row, [column]: value })), outputs: [output] };
      const answer = await post(section.dataset.url, body);
      const lines = linesOf(answer.body.outputs[output]);
      const told = output === "predict_proba" ? percent : shown;
      place.replaceChildren(...curve(column, values, nearest(values, row[column]), lines, told, write));
    } catch (problem) {
      place.replaceChildren(el("p", { class: "refusal" }, el("span", { class: "what" }, problem.message)));
    } finally {
      place.setAttribute("aria-busy", "false");
    }
  }

  choice.addEventListener("change", draw);
  return draw;
}

/** The values that a column takes: its categories, or from the least to the most seen, the row's own among them. */
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
function curve(column, values, at, lines, told, write) {
  const numbers = lines.every((line) => line.values.every((value) => typeof value === "number"));
  const sentence = el("p", { class: "told" });
  const slider = el("input", { type: "range", min: 0, max: values.length - 1, step: 1, value: at, "aria-label": column });
  const chart = numbers ? charted(values, lines, told) : null;
  const move = () => {
    const place = Number(slider.value);
    const answers = lines.map(({ name, values: of }) => `${name ? `${name} ` : ""}${told(of[place])}`);
    sentence.textContent = `${column} ${shown(values[place])}: ${answers.join(", ")}`;
    slider.setAttribute("aria-valuetext", sentence.textContent);
    chart?.move(place);
  };
  slider.addEventListener("input", move);
  slider.addEventListener("change", () => write(column, values[Number(slider.value)]));
  move();
  return [chart?.element ?? "", slider, sentence, chart && lines.length > 1 ? legend(lines) : "", table(column, values, lines, told)];
}

/** Lines as an SVG, with a marker that move(place) moves. */
function charted(values, lines, told) {
  const all = lines.flatMap((line) => line.values);
  const low = told === percent ? 0 : Math.min(...all);
  const high = told === percent ? 1 : Math.max(...all);
  const across = values.every((value) => typeof value === "number") ? values : values.map((_, place) => place);
  const span = across.at(-1) - across[0] || 1;
  const x = (place) => EDGE + ((WIDTH - 2 * EDGE) * (across[place] - across[0])) / span;
  const y = (value) => (high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * (value - low)) / (high - low));
  const marker = drawn("line", { class: "at", y1: 0, y2: HEIGHT });
  const dots = lines.map((_, place) => drawn("circle", { class: `dot line${place}`, r: 4 }));
  const paths = lines.map((line, place) => {
    const points = line.values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    return drawn("polyline", { class: `line${place}`, points: points.join(" ") });
  });
  const picture = drawn("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, marker, ...paths, ...dots);
  const element = el("div", { class: "chart" }, el("span", {}, told(high)), picture, el("span", {}, told(low)));
  const move = (place) => {
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

function table(column, values, lines, told) {
  const head = el("tr", {}, el("th", { scope: "col" }, column), ...lines.map(({ name }) => el("th", { scope: "col" }, name || "answer")));
  const rows = values.map((value, place) =>
    el("tr", {}, el("td", {}, shown(value)), ...lines.map((line) => el("td", {}, told(line.values[place])))),
  );
  const body = el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": "The curve as numbers" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
  return el("details", {}, el("summary", {}, "As numbers"), body);
}
