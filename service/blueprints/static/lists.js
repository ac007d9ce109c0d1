// Lists of answers, made one way: terms with their values, bars with their shares, tables that scroll.

import { el } from "./dom.js";

/** [[term, value]] as a list of terms. */
export const terms = (pairs) => el("dl", { class: "values" }, ...pairs.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));

/**
 * Bars: [{ name, share, told, look }], of which `share` is from 0 to 1, `told` what is written beside it, `look` a class
 * of the fill. below: elements that stand under them.
 */
export function bars(rows, { look = "bars", below = [] } = {}) {
  return el("ul", { class: look }, ...rows.map(bar), ...below.map((text) => el("li", { class: "more" }, text)));
}

function bar({ name, share, told = "", look = "" }) {
  const fill = el("span", { class: `fill ${look}`.trim() });
  fill.style.setProperty("--share", share);
  const track = el("span", { class: "track", "aria-hidden": "true" }, fill);
  return el("li", {}, el("span", { class: "of" }, name), track, told ? el("span", { class: "share" }, told) : null);
}

/** A table that scrolls. titles: texts; rows: lists of texts or of cells that are elements. named: what it is. */
export function table(titles, rows, named) {
  const head = el("tr", {}, ...titles.map((title) => el("th", { scope: "col" }, title)));
  const cell = (value) => (value instanceof Element ? value : el("td", {}, value));
  const body = rows.map((row) => el("tr", {}, ...row.map(cell)));
  const region = { class: "scrolled", tabindex: "0", role: "region", "aria-label": named };
  return el("div", region, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}
