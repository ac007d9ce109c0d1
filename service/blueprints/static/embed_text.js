// An embedding model's section: two texts, and how alike their vectors are.

import { asking, raw } from "./ask.js";
import { all, el, markFault, one } from "./dom.js";
import { similarity } from "./outputs.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const call = () => ({ instances: all(form, "textarea").map((field) => field.value) });

  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call,
    show: (answer) => [
      similarity(cosine(...answer.predictions)),
      el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
      raw(answer),
    ],
    where: (detail) => one(form, `[data-parameter="${CSS.escape(detail.parameter ?? "")}"]`),
  });
}

/** The cosine of the angle between two vectors. */
function cosine(first, second) {
  const dot = (a, b) => a.reduce((sum, number, place) => sum + number * b[place], 0);
  return dot(first, second) / Math.sqrt(dot(first, first) * dot(second, second));
}
