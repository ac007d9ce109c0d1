// The fields of one row: what they hold as JSON values, and JSON values put back into them.

import { all, markFault, one } from "./dom.js";

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

/** Empty fields are null; whether a column takes null is for the server to say. */
function readField(field) {
  const control = one(field, CONTROL);
  if (control.validity.badInput) return { fault: "not a complete value" };
  if (control.tagName === "SELECT") return { value: control.value ? JSON.parse(control.value) : null };
  if (control.value === "" && (field.dataset.kind !== "text" || "nullable" in field.dataset)) return { value: null };
  if (control.type !== "number") return { value: control.value };
  const value = Number(control.value);
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && field.dataset.kind === "integer") {
    return { fault: "too large for a browser to send exactly; send it from code" };
  }
  return { value };
}

/** Put a row into the fields; columns it does not have become empty. */
export function writeRow(fields, row) {
  for (const field of all(fields, "[data-column]")) {
    const control = one(field, CONTROL);
    const value = row[field.dataset.column] ?? null;
    if (control.tagName === "SELECT") choose(control, value);
    else control.value = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    markFault(field, "");
    moveGauge(field);
  }
}

/** Choose by value, for 1.0 and 1 are one category; what is none of them leaves the choice empty. */
function choose(select, value) {
  select.selectedIndex = [...select.options].findIndex((option) => JSON.parse(option.value) === value);
}

/** Show where a field's number lies in the range the model was packed with. */
export function moveGauge(field) {
  const gauge = one(field, ".gauge");
  if (!gauge) return;
  const { low, high } = gauge.dataset;
  const value = one(field, CONTROL).valueAsNumber;
  const at = (value - Number(low)) / (Number(high) - Number(low));
  const dot = one(gauge, "circle");
  dot.setAttribute("visibility", Number.isNaN(at) ? "hidden" : "visible");
  if (!Number.isNaN(at)) dot.setAttribute("cx", `${Math.min(Math.max(at, 0), 1) * 100}%`);
  gauge.parentElement.classList.toggle("beyond", at < 0 || at > 1);
}

/** Hide the columns whose names do not hold the text; returns how many are left. */
export function filterFields(fields, text) {
  const wanted = text.trim().toLowerCase();
  const columns = all(fields, "[data-column]");
  for (const field of columns) field.hidden = !field.dataset.column.toLowerCase().includes(wanted);
  return columns.filter((field) => !field.hidden).length;
}
