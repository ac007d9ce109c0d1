// The page of a model: bring its section to life.

import { anyCapability } from "./any_capability.js";
import { one } from "./dom.js";
import { generateText } from "./generate_text.js";
import { predictTable } from "./predict_table.js";

const SECTIONS = { predict_table: predictTable, generate_text: generateText, any: anyCapability };

const section = one(document, "section.model");
SECTIONS[section.dataset.capability](section);
