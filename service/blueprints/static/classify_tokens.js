// A token classifier's section: a text, and the entities that are found in it, marked where they stand.

import { asking, raw } from "./ask.js";
import { el, markFault, one } from "./dom.js";
import { bars } from "./lists.js";
import { percent } from "./outputs.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const { text, strategy } = form.elements;
  const call = () => ({ instances: [text.value], parameters: { aggregation_strategy: strategy.value } });

  form.addEventListener("input", (event) => {
    markFault(event.target.closest(".field"), "");
    update(call());
  });
  update(call());
  asking(section, {
    call,
    show: (answer, { instances }) => [
      el("p", { class: "entities" }, ...marked(instances[0], answer.predictions[0])),
      found(answer.predictions[0]),
      el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
      raw(answer),
    ],
    where: (detail) => one(form, `[data-parameter="${CSS.escape(detail.parameter ?? "")}"]`),
  });
}

/** The text in pieces, those that are entities marked. Places count characters, of which some take two units here. */
function marked(text, entities) {
  const characters = Array.from(text);
  const pieces = [];
  let place = 0;
  for (const { entity_group: label, start, end } of entities) {
    if (start < place) continue; // two tokens of one character
    pieces.push(characters.slice(place, start).join(""));
    pieces.push(el("mark", {}, characters.slice(start, end).join(""), el("small", {}, label)));
    place = end;
  }
  return [...pieces, characters.slice(place).join("")];
}

function found(entities) {
  if (!entities.length) return el("p", { class: "empty" }, "No entity was found in it.");
  return bars(entities.map(({ word, entity_group: label, score }) => ({ name: `${word} (${label})`, share: score, told: percent(score) })));
}
