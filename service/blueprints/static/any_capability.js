// A model whose capability has no form of its own: the call as JSON, and the answer as it came.

import { asking, raw } from "./ask.js";
import { markFault, one } from "./dom.js";
import { snippets } from "./snippets.js";

export function start(section) {
  const field = one(section, ".field");
  const text = one(field, "textarea");
  const update = snippets(one(section, "[data-snippets]"));

  /** The body of the call, or null while the text is not JSON. */
  function call() {
    markFault(field, "");
    try {
      return JSON.parse(text.value);
    } catch (problem) {
      markFault(field, problem.message);
      return null;
    }
  }

  text.addEventListener("input", () => {
    const body = call();
    if (body) update(body);
  });
  asking(section, { call, show: (body) => [raw(body)], where: () => field });
}
