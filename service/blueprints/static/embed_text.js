// An embedding model's section: two texts, and how alike their vectors are.

import { all, one } from "./dom.js";
import { similarity } from "./outputs.js";
import { askingTexts } from "./texts.js";

export function start(section) {
  const fields = all(one(section, "[data-form]"), "textarea");
  askingTexts(section, {
    call: () => ({ instances: fields.map((field) => field.value) }),
    show: (answer) => [similarity(cosine(...answer.predictions))],
  });
}

/** The cosine of the angle between two vectors. */
function cosine(first, second) {
  const dot = (a, b) => a.reduce((sum, number, place) => sum + number * b[place], 0);
  return dot(first, second) / Math.sqrt(dot(first, first) * dot(second, second));
}
