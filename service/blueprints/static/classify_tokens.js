// A token classifier's section: a text, and the entities that are found in it, marked where they stand.

import { el, one } from "./dom.js";
import { bars } from "./lists.js";
import { percent } from "./outputs.js";
import { askingTexts } from "./texts.js";

export function start(section) {
  const { text, strategy } = one(section, "[data-form]").elements;
  askingTexts(section, {
    call: () => ({ instances: [text.value], parameters: { aggregation_strategy: strategy.value } }),
    show: ({ predictions: [entities] }, { instances }) => [
      el("p", { class: "entities" }, ...marked(instances[0], entities)),
      found(entities),
    ],
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
