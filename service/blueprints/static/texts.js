// What the sections of models that answer texts have in common: fields, the call in code, the answer and its origin.

import { asking, raw } from "./ask.js";
import { el, markFault, one } from "./dom.js";
import { snippets } from "./snippets.js";

/**
 * Ask with the body that `call()` makes of the form's fields. `show(answer, body)` returns the elements of the answer.
 * `origin(answer)` says what gave it. `sound()` is false where the form marks a fault itself and nothing is to be sent.
 */
export function askingTexts(section, { call, show, origin = byModel, sound = () => true }) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call: () => (sound() ? call() : null),
    show: (answer, body) => [...show(answer, body), el("p", { class: "by" }, origin(answer)), raw(answer)],
    // One of several lines is named by its place: a field that has no such name is looked for without it.
    where({ parameter = "" }) {
      const names = [parameter, parameter.split("[")[0]];
      return one(form, names.map((name) => `[data-parameter="${CSS.escape(name)}"]`).join(", "));
    },
  });
}

const byModel = (answer) => `${answer.model_name}, version ${answer.model_version}`;
