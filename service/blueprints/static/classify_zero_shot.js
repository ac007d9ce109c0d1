// A zero-shot classifier's section: a text, labels of one's own, and how well each of them fits.

import { one } from "./dom.js";
import { ranked } from "./outputs.js";
import { askingTexts } from "./texts.js";

export function start(section) {
  const { text, labels, template, several } = one(section, "[data-form]").elements;
  const lines = () => labels.value.split("\n").map((line) => line.trim()).filter(Boolean);
  askingTexts(section, {
    call: () => ({
      instances: [text.value],
      parameters: { candidate_labels: lines(), hypothesis_template: template.value, multi_label: several.checked },
    }),
    show: ({ predictions: [fitting] }) => [ranked(fitting.labels.map((label, place) => [label, fitting.scores[place]]))],
  });
}
