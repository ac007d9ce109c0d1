// The sampling parameters of a form, by the names that the API has for them.

import { all, markFault } from "./dom.js";

/** { name: value } of those that are filled in, or null where one is not complete; where(name) gives its field. */
export function sampling(form, where) {
  const parameters = {};
  for (const input of all(form, "[data-parameter] input[type=number]")) {
    if (input.validity.badInput) {
      markFault(where(input.name), "not a complete value");
      return null;
    }
    if (input.value !== "") parameters[input.name] = input.valueAsNumber;
  }
  const stop = form.elements.stop.value.replaceAll("\\n", "\n");
  return stop ? { ...parameters, stop } : parameters;
}
