// The page of a model: bring its section to life, by the module of its capability, which alone is loaded.

import { one } from "./dom.js";

const section = one(document, "section.model");
const { start } = await import(`./${section.dataset.capability === "any" ? "any_capability" : section.dataset.capability}.js`);
start(section);
