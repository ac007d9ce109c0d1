// The front page: bring each model's section to life, show one at a time, and wait for models that are not ready yet.

import { anyCapability } from "./any_capability.js";
import { all, one } from "./dom.js";
import { generateText } from "./generate_text.js";
import { predictTable } from "./predict_table.js";

const SECTIONS = { predict_table: predictTable, generate_text: generateText, any: anyCapability };
const ASK_AGAIN = 2000; // milliseconds

const sections = all(document, "section.model");
const cards = all(document, ".models .card");

for (const section of sections) SECTIONS[section.dataset.capability](section);

/** Show the model that the address names, or the first; without scripts all of them are there, one below the other. */
function choose() {
  const named = decodeURIComponent(location.hash.slice(1));
  const chosen = sections.find((section) => section.id === named) ?? sections[0];
  for (const section of sections) section.hidden = section !== chosen;
  for (const card of cards) {
    if (card.hash === `#${chosen.id}`) card.setAttribute("aria-current", "true");
    else card.removeAttribute("aria-current");
  }
}

/** Choosing a model changes the address without a jump down the page. */
function follow(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", event.currentTarget.hash);
  choose();
}

async function openWhenReady(url) {
  const ready = await fetch(url).then((response) => response.ok, () => false);
  if (ready) location.reload();
  else setTimeout(openWhenReady, ASK_AGAIN, url);
}

if (sections.length) {
  choose();
  for (const card of cards) card.addEventListener("click", follow);
  addEventListener("popstate", choose);
  addEventListener("hashchange", choose);
}

const waiting = one(document, "[data-waiting]");
if (waiting) setTimeout(openWhenReady, ASK_AGAIN, waiting.dataset.waiting);
