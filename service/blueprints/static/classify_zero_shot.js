// A zero-shot classifier's section: a text, labels of one's own, and how well each of them fits.

import { asking, raw } from "./ask.js";
import { el, markFault, one } from "./dom.js";
import { ranked } from "./outputs.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const { text, labels, template, several } = form.elements;
  const lines = () => labels.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const call = () => ({
    instances: [text.value],
    parameters: { candidate_labels: lines(), hypothesis_template: template.value, multi_label: several.checked },
  });

  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call,
    show: (answer) => [
      ranked(answer.predictions[0].labels.map((label, place) => [label, answer.predictions[0].scores[place]])),
      el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
      raw(answer),
    ],
    // A label that is too long is named by its place among the lines.
    where: ({ parameter = "" }) =>
      one(form, `[data-parameter="${CSS.escape(parameter)}"], [data-parameter="${CSS.escape(parameter.split("[")[0])}"]`),
  });
}
