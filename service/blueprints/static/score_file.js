// A file of rows, dropped, pasted or chosen: scored in parts with progress, what is wrong shown at its cells, given back.

import { postCsv } from "./api.js";
import { readCsv, unlikeFormula, withPoint, writeCsv } from "./csv.js";
import { all, el, one, shown } from "./dom.js";
import { takingFiles } from "./files.js";
import { table as tableOf } from "./lists.js";

const PART = 1000; // rows in a request
const LISTED = 50; // rows that are shown; the file has all of them

/** outputs(): the names of the outputs to ask for. show(): called when a file comes, to bring the panel into view. */
export function scoreFile(section, { outputs, show }) {
  const form = one(section, "[data-form]");
  const panel = one(form, "[data-file]");
  const place = one(panel, "[data-scored]");
  const pasted = one(panel, "textarea");
  const kinds = new Map(all(form, "[data-column]").map((field) => [field.dataset.column, field.dataset.kind]));
  let running = null;

  async function score(name, text) {
    running?.abort();
    const mine = (running = new AbortController());
    show();
    const table = prepared(readCsv(text), kinds);
    if (table.fault) return place.replaceChildren(el("p", { class: "broken", role: "alert" }, table.fault));
    const scores = table.rows.map(() => null);
    const faults = table.rows.map(() => []);
    const began = performance.now();
    const url = `${section.dataset.url}?outputs=${encodeURIComponent(outputs().join(","))}`; // one choice for all parts
    try {
      for (let from = 0; from < table.rows.length; from += PART) {
        if (mine.signal.aborted) break;
        progress(from, table.rows.length, began);
        await part(url, table, from, scores, faults, mine.signal);
      }
      finished(name, table, scores, faults, mine.signal.aborted);
    } catch (problem) {
      if (mine !== running) return; // another file came
      const stopped = mine.signal.aborted ? "Stopped." : problem.message;
      finished(name, table, scores, faults, true, stopped);
    }
  }

  /** Score up to PART rows from `from` on; rows that are refused are noted, and the others sent again without them. */
  async function part(url, table, from, scores, faults, signal) {
    let places = table.rows.slice(from, from + PART).map((_, place) => from + place);
    while (places.length) {
      const sent = writeCsv([table.sent, ...places.map((place) => table.rows[place])]);
      try {
        const answer = await postCsv(url, sent, signal);
        places.forEach((place, at) => (scores[place] = cells(answer, at)));
        return;
      } catch (problem) {
        const wrong = (problem.details ?? []).filter((detail) => Number.isInteger(detail.row) && detail.row < places.length);
        if (!wrong.length) throw problem;
        for (const { row, column, expected, got } of wrong) faults[places[row]].push({ column, expected, got });
        const refused = new Set(wrong.map(({ row }) => row));
        places = places.filter((_, at) => !refused.has(at));
      }
    }
  }

  function progress(done, count, began) {
    const seconds = (performance.now() - began) / 1000;
    const left = done ? `, ${Math.ceil((seconds / done) * (count - done))} s left` : "";
    const stop = el("button", { type: "button" }, "Stop");
    stop.addEventListener("click", () => running.abort());
    const rate = done ? `, ${shown(Math.round(done / seconds))} a second${left}` : "";
    place.replaceChildren(
      el("progress", { max: count, value: done, "aria-label": "Rows scored" }),
      el("p", { class: "told" }, `${shown(done)} of ${shown(count)} rows${rate}`),
      stop,
    );
  }

  function finished(name, table, scores, faults, broken, reason = "") {
    const good = scores.filter(Boolean).length;
    const bad = faults.filter((one) => one.length).length;
    const titles = [...new Set(scores.flatMap((row) => (row ? Object.keys(row) : [])))];
    const whole = table.original.map((row, place) => [
      ...row,
      ...titles.map((title) => scores[place]?.[title] ?? ""),
      ...(bad ? [faults[place].map(sentence).join("; ")] : []),
    ]);
    const file = writeCsv([[...table.header, ...titles, ...(bad ? ["error"] : [])], ...whole]);
    const link = el("a", { href: URL.createObjectURL(new Blob([file], { type: "text/csv" })), download: name }, `Download ${name}`);
    place.replaceChildren(
      ...(broken ? [el("p", { class: "broken", role: "alert" }, reason || "Stopped.")] : []),
      el("p", { class: "told" }, `${shown(good)} row${good === 1 ? "" : "s"} scored${bad ? `, ${shown(bad)} refused` : ""}. `, link),
      listed(table, scores, faults, titles),
    );
  }

  /** The first rows as a table, those that are wrong before the others, their cells marked. */
  function listed(table, scores, faults, titles) {
    const order = [...table.rows.keys()].filter((place) => scores[place] || faults[place].length);
    order.sort((a, b) => (faults[b].length > 0) - (faults[a].length > 0) || a - b);
    const rows = order.slice(0, LISTED).map((place) => {
      const wrong = new Map(faults[place].map((fault) => [fault.column, fault]));
      const own = table.header.map((column, at) => {
        const fault = wrong.get(column);
        const value = table.original[place][at] ?? "";
        return fault ? el("td", { class: "wrong" }, value || "(nothing)", el("span", {}, ` expected ${fault.expected}`)) : value;
      });
      const answers = titles.map((title) => (scores[place] ? rounded(scores[place][title]) : "refused"));
      return [String(place + 2), ...answers, ...own]; // as a spreadsheet counts: 1 is the header
    });
    return tableOf(["row", ...titles, ...table.header], rows, "Scored rows");
  }

  async function take(file) {
    const bytes = await file.arrayBuffer();
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      text = new TextDecoder("windows-1252").decode(bytes);
    }
    await score(`scored-${file.name.replace(/\.\w+$/, "")}.csv`, text);
  }

  takingFiles(form, one(panel, "input[type=file]"), take);
  pasted.addEventListener("paste", () => setTimeout(() => pasted.value.trim() && score("scored.csv", pasted.value)));
}

/** The table with what is sent of it: the model's columns, numbers with points; or { fault }. */
function prepared({ header, rows, separator }, kinds) {
  if (!rows.length) return { fault: "There are no rows below the first line, which names the columns." };
  const names = header.map((name) => name.trim());
  const missing = [...kinds.keys()].filter((column) => !names.includes(column));
  if (missing.length) {
    const listed = missing.slice(0, 5).join(", ") + (missing.length > 5 ? `, and ${missing.length - 5} more` : "");
    return { fault: `The file lacks ${missing.length === 1 ? "a column" : `${missing.length} columns`} that the model reads: ${listed}. It has ${names.slice(0, 8).join(", ")}.` };
  }
  const sent = [...kinds.keys()];
  const places = sent.map((column) => names.indexOf(column));
  const numeric = sent.map((column) => ["number", "integer"].includes(kinds.get(column)) && separator !== ",");
  const cut = rows.map((row) => places.map((place, at) => (numeric[at] ? withPoint(row[place] ?? "") : (row[place] ?? ""))));
  return { header: names, original: rows, rows: cut, sent };
}

/** { title: text } of one row of an answer, with a column for each label or target. */
function cells(answer, at) {
  const outputs = answer.outputs ?? { prediction: answer.predictions };
  const found = {};
  const add = (title, value) => {
    if (value && typeof value === "object") Object.entries(value).forEach(([key, one]) => add(`${title} ${key}`, one));
    else found[title] = typeof value === "string" ? unlikeFormula(value) : JSON.stringify(value);
  };
  for (const [name, values] of Object.entries(outputs)) add(TITLES[name] ?? name, values[at]);
  return found;
}

/** As people read it; the file has all digits. */
const rounded = (text) => (text && Number.isFinite(Number(text)) ? shown(Number(text)) : (text ?? ""));

const TITLES = { predict: "prediction", predict_proba: "probability" };
const sentence = ({ column, expected, got }) => `${column}: expected ${expected}, got ${got}`;
