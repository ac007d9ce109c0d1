// A mask filler's section: a text with masks, and the likeliest tokens for each of them.

import { el, one } from "./dom.js";
import { ranked } from "./outputs.js";
import { askingTexts } from "./texts.js";

export function start(section) {
  const { text } = one(section, "[data-form]").elements;
  askingTexts(section, {
    call: () => ({ instances: [text.value], parameters: { top_k: 10 } }),
    show: (answer) => filled(answer.predictions[0]),
  });
}

/** Bars of a text's only mask, or of each of its masks under their numbers. */
function filled(found) {
  const bars = (tokens) => ranked(tokens.map((token) => [token.token_str, token.score]));
  if (!Array.isArray(found[0])) return [bars(found)];
  return found.flatMap((tokens, place) => [el("h3", {}, `Mask ${place + 1}`), bars(tokens)]);
}
