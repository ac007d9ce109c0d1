// A form whose only field is the call as JSON, to be edited and sent.

import { asking } from "./ask.js";
import { markFault, one } from "./dom.js";
import { snippets } from "./snippets.js";

/** `show(body)` returns the elements of an answer. listed: whether what is wrong is listed, rather than marked. */
export function askingJson(section, show, listed = false) {
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
  asking(section, { call, show, where: () => (listed ? null : field) });
}
