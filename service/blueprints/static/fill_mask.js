// A mask filler's section: a text with masks, and the likeliest tokens for each of them.

import { asking, raw } from "./ask.js";
import { el, markFault, one } from "./dom.js";
import { ranked } from "./outputs.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const { text } = form.elements;
  const call = () => ({ instances: [text.value], parameters: { top_k: 10 } });

  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call,
    show: (answer) => [
      ...filled(answer.predictions[0]),
      el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
      raw(answer),
    ],
    where: (detail) => one(form, `[data-parameter="${CSS.escape(detail.parameter ?? "")}"]`),
  });
}

/** Bars of a text's only mask, or of each of its masks under their numbers. */
function filled(found) {
  const bars = (tokens) => ranked(tokens.map((token) => [token.token_str, token.score]));
  if (!Array.isArray(found[0])) return [bars(found)];
  return found.flatMap((tokens, place) => [el("h3", {}, `Mask ${place + 1}`), bars(tokens)]);
}
