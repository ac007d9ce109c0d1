// The page of a model: bring its section to life, by the module of its capability, which alone is loaded.

import { one } from "./dom.js";

const { start } = await import(`./${one(document, "[data-module]").dataset.module}`);
start(one(document, "section.model"));
