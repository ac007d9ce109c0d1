// A network's section: its tensors as JSON, and what it computes of them.

import { raw } from "./ask.js";
import { el } from "./dom.js";
import { askingJson } from "./json_call.js";

export function start(section) {
  askingJson(section, shown, true);
}

function shown(answer) {
  const given = answer.outputs ?? answer.predictions;
  const named = given && !Array.isArray(given) && typeof given === "object" ? given : { output: given };
  const listed = Object.entries(named).map(([name, tensor]) => el("p", {}, `${name}: [${shape(tensor).join(", ")}]`));
  const computed = el("pre", { tabindex: "0" }, JSON.stringify(given));
  return [...listed, computed, el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`), raw(answer)];
}

/** Of lists in lists. */
function shape(tensor) {
  return Array.isArray(tensor) ? [tensor.length, ...shape(tensor[0])] : [];
}
