// The fields of one row: what they hold as JSON values, and JSON values put back into them.

import { all, markFault, one, shown } from "./dom.js";

const CONTROL = "input, select, textarea";

/** { column: value } of all fields. A field that holds no value of its kind is marked, and null is returned. */
export function readRow(fields) {
  const row = {};
  let sound = true;
  for (const field of all(fields, "[data-column]")) {
    const { value, fault } = readField(field);
    if (fault) markFault(field, fault);
    sound &&= !fault;
    row[field.dataset.column] = value;
  }
  return sound ? row : null;
}

const isOther = (control) => control.tagName === "SELECT" && "other" in (control.selectedOptions[0]?.dataset ?? {});

/** Empty fields are null; whether a column takes null is for the server to say. */
function readField(field) {
  const first = one(field, CONTROL);
  const control = isOther(first) ? one(field, ".other") : first;
  if (control.validity.badInput) return { fault: "not a complete value" };
  if (control.tagName === "SELECT") return { value: control.value ? JSON.parse(control.value) : null };
  if (control.value === "" && (field.dataset.kind !== "text" || "nullable" in field.dataset)) return { value: null };
  if (control.type !== "number") return { value: control.value };
  const value = Number(control.dataset.exact ?? control.value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && field.dataset.kind === "integer") {
    return { fault: "too large for a browser to send exactly; send it from code" };
  }
  return { value };
}

const DIGITS = 6; // of a number that is not being edited

/** A long number is rounded for reading while its field has no focus; what is sent keeps all digits. */
function round(control) {
  if (control.type !== "number" || control.value.replace(/[-.]|e.*/gi, "").length <= DIGITS + 2) return;
  control.dataset.exact = control.value;
  control.value = String(Number(Number(control.value).toPrecision(DIGITS)));
}

function unround(control) {
  if (control.dataset.exact === undefined) return;
  control.value = control.dataset.exact;
  delete control.dataset.exact;
}

/** Round the long numbers of a form, and show all digits of the one that has the focus. */
export function rounding(fields) {
  for (const control of all(fields, "[data-kind=number] input")) {
    round(control);
    control.addEventListener("focus", () => unround(control));
    control.addEventListener("blur", () => round(control));
    control.addEventListener("input", () => delete control.dataset.exact);
  }
}

/** Put a row into the fields; columns it does not have become empty. */
export function writeRow(fields, row) {
  for (const field of all(fields, "[data-column]")) writeField(field, row[field.dataset.column] ?? null);
}

export function writeField(field, value) {
  const control = one(field, CONTROL);
  const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  if (control.tagName === "SELECT") choose(field, control, value, text);
  else {
    delete control.dataset.exact;
    control.value = control.type === "date" ? text.slice(0, 10) : text;
    if (field.dataset.kind === "number" && document.activeElement !== control) round(control);
  }
  markFault(field, "");
  refresh(field);
}

/** Choose by value, for 1.0 and 1 are one category; what is none of them is another, where the model takes others. */
function choose(field, select, value, text) {
  const options = [...select.options];
  const found = options.findIndex((option) => option.value && JSON.parse(option.value) === value);
  const other = one(field, ".other");
  select.selectedIndex = found < 0 && other && value !== null ? options.length - 1 : found;
  if (other) other.value = found < 0 ? text : "";
}

/** After a change: show where the number lies in the range seen at packing, and the field of another category. */
export function refresh(field) {
  const select = one(field, "select");
  const other = one(field, ".other");
  if (other) other.hidden = !isOther(select);
  const gauge = one(field, ".gauge");
  if (!gauge) return;
  const { low, high } = field.dataset;
  const value = one(field, CONTROL).valueAsNumber;
  const at = (value - Number(low)) / (Number(high) - Number(low));
  const dot = one(gauge, "circle");
  dot.setAttribute("visibility", Number.isNaN(at) ? "hidden" : "visible");
  if (!Number.isNaN(at)) dot.setAttribute("cx", `${Math.min(Math.max(at, 0), 1) * 100}%`);
  gauge.parentElement.classList.toggle("beyond", at < 0 || at > 1);
}

/** Sentences on the values of a row that lie beyond the range the model was packed with. */
export function beyond(fields, row) {
  const sentences = [];
  for (const field of all(fields, "[data-low]")) {
    const { column, kind, low, high } = field.dataset;
    const value = row[column];
    if (value === null || value === undefined || !outside(kind, value, low, high)) continue;
    const [from, to] = kind === "datetime" ? [low.slice(0, 10), high.slice(0, 10)] : [shown(Number(low)), shown(Number(high))];
    sentences.push(`${column} is ${shown(value)}, and was from ${from} to ${to}`);
  }
  return sentences;
}

function outside(kind, value, low, high) {
  const number = kind === "datetime" ? Date.parse : Number;
  return number(value) < number(low) || number(value) > number(high);
}

/** Hide the columns whose names do not hold the text; returns how many are left. */
export function filterFields(fields, text) {
  const wanted = text.trim().toLowerCase();
  const columns = all(fields, "[data-column]");
  for (const field of columns) field.hidden = !field.dataset.column.toLowerCase().includes(wanted);
  return columns.filter((field) => !field.hidden).length;
}
