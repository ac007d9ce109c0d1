// A model whose capability has no form of its own: the call as JSON, and the answer as it came.

import { raw } from "./ask.js";
import { askingJson } from "./json_call.js";

export function start(section) {
  askingJson(section, (body) => [raw(body)]);
}
