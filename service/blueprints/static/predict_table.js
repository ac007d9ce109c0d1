// A table model's section: its row as fields or as JSON, what to show, and the answer.

import { asking, raw } from "./ask.js";
import { all, clearFaults, el, markFault, one } from "./dom.js";
import { beyond, filterFields, readRow, refresh, rounding, writeField, writeRow } from "./fields.js";
import { pretty } from "./literals.js";
import { headline, section as output } from "./outputs.js";
import { scoreFile } from "./score_file.js";
import { keep, kept } from "./share.js";
import { snippets } from "./snippets.js";
import { whatIf } from "./what_if.js";
import { why } from "./why.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const fields = one(form, "[data-fields]");
  const json = one(form, "[data-json]");
  const text = one(json, "textarea");
  const example = readRow(fields);
  const update = snippets(one(section, "[data-snippets]"));

  const byName = new Map(all(fields, "[data-column]").map((field) => [field.dataset.column, field]));
  const currentRow = () => (json.hidden ? readRow(fields) : parsedRow(json, text.value));

  /** The body of the call, or null while the row is not sound. */
  function call() {
    const row = currentRow();
    return row && { instances: [row], ...chosenOutputs(form) };
  }

  /** Show the row as fields or as JSON; what does not parse stays where it can be mended. */
  function view(name) {
    const row = currentRow();
    if (!row && name !== "file") return;
    if (name === "json") text.value = pretty(row);
    else if (row && !json.hidden) writeRow(fields, row);
    fields.hidden = name !== "fields";
    json.hidden = name !== "json";
    one(form, "[data-file]").hidden = name !== "file";
    const send = one(form, "[data-send]");
    send.hidden = name === "file" && !one(send, ".outputs");
    one(send, "[data-reset]").hidden = one(send, "[type=submit]").hidden = name === "file";
    const filter = one(form, "[data-filter]");
    if (filter) filter.hidden = name !== "fields";
    one(form, "[data-none]").hidden = true;
    for (const button of all(form, "[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
    if (name === "fields" && filter) filterBy(filter.value);
  }

  function filterBy(wanted) {
    one(form, "[data-none]").hidden = filterFields(fields, wanted) > 0;
  }

  function changed(event) {
    outdated();
    const field = event?.target.closest(".field");
    if (field) markFault(field, "");
    if (field?.dataset.column) refresh(field);
    const body = call();
    if (!body) return;
    update(body);
    keep("row", differing(body.instances[0], example));
  }

  scoreFile(section, {
    outputs: () => chosenOutputs(form).outputs ?? [section.dataset.primary],
    show: () => view("file"),
  });
  one(form, "[data-tools]").hidden = false;
  for (const button of all(form, "[data-view]")) button.addEventListener("click", () => view(button.dataset.view));
  one(form, "[data-filter]")?.addEventListener("input", (event) => {
    event.stopPropagation();
    filterBy(event.target.value);
  });
  const reset = one(form, "[data-reset]");
  reset.hidden = false;
  reset.addEventListener("click", () => {
    clearFaults(form);
    writeRow(fields, example);
    text.value = pretty(example);
    changed();
    again();
  });
  rounding(fields);
  const shared = kept("row");
  if (shared && typeof shared === "object") writeRow(fields, { ...example, ...shared });
  const fieldOf = (column) => byName.get(column);
  const outdated = why(section, { rowNow: currentRow });
  const again = whatIf(section, {
    rowNow: currentRow,
    fieldOf,
    write(column, value) {
      writeField(byName.get(column), value);
      if (!json.hidden) text.value = pretty({ ...currentRow(), [column]: value });
      changed();
    },
  });
  form.addEventListener("input", changed);
  form.addEventListener("change", again); // the curve is of the row as it stands
  changed();

  asking(section, {
    call,
    show(answer, body) {
      return shownAnswer(answer, body.outputs ?? [section.dataset.primary], beyond(fields, body.instances[0]));
    },
    where(detail) {
      const field = byName.get(detail.column);
      if (json.hidden && field) field.hidden = false; // a filter may hide the very field that is wrong
      return json.hidden ? field : null;
    },
  });
}

/** The cells that are not the example's; null where all of them are. */
function differing(row, example) {
  const cells = Object.entries(row).filter(([name, value]) => value !== example[name]);
  return cells.length ? Object.fromEntries(cells) : null;
}

/** { outputs: [...] } as ticked, nothing where the model's first output is all that is wanted. */
function chosenOutputs(form) {
  const boxes = all(form, "[name=outputs]");
  const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
  return ticked.length && !(ticked.length === 1 && boxes[0].checked) ? { outputs: ticked } : {};
}

function parsedRow(field, text) {
  try {
    const found = JSON.parse(text);
    const row = Array.isArray(found) && found.length === 1 ? found[0] : found;
    if (row === null || typeof row !== "object" || Array.isArray(row)) throw new SyntaxError("one row is an object: {…}");
    markFault(field, "");
    return row;
  } catch (error) {
    markFault(field, error.message);
    return null;
  }
}

function shownAnswer(answer, outputs, strange) {
  const values = answer.outputs ?? { [outputs[0]]: answer.predictions };
  return [
    ...outputs.map((name) => (name === "predict" ? headline(values[name][0]) : output(name, values[name][0]))),
    strange.length ? warning(strange) : null,
    ...(answer.warnings ?? []).map((warning) => el("p", { class: "note" }, warning)),
    el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
    raw(answer),
  ].filter((part) => part !== null);
}

/** Said at the answer, for an answer to such a row is a guess. */
const warning = (sentences) =>
  el(
    "div",
    { class: "note beyond-note" },
    el("strong", {}, "Beyond what the model was packed with; this answer is a guess."),
    el("ul", {}, ...sentences.map((sentence) => el("li", {}, sentence))),
  );
