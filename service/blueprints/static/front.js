// The start page: search the models, show how often each is asked, and wait for models that are not ready yet.

import { all, one, shown } from "./dom.js";
import { keyHeader } from "./key.js";

const ASK_AGAIN = 2000; // milliseconds
const COUNT_AGAIN = 5000; // milliseconds between two counts, whose difference is the rate

const list = one(document, "[data-models]");
const items = all(list, "li");

/** Hide the models whose cards do not hold every word. */
function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of items) {
    const card = item.textContent.toLowerCase();
    item.hidden = !words.every((word) => card.includes(word));
  }
  return items.filter((item) => !item.hidden).length;
}

const panel = one(document, "[data-search]");
if (panel) {
  panel.hidden = false;
  const field = one(panel, "input");
  const found = one(panel, "[data-found]");
  const update = () => {
    const left = search(field.value);
    found.textContent = field.value.trim() ? (left ? `${left} of ${items.length}` : "No model has that in its card.") : "";
  };
  field.addEventListener("input", update);
  update(); // a browser keeps what was typed over a reload
}

/** Per model, requests since the server started, and by the difference to `before` how many a second. */
async function count(before) {
  let now = before;
  if (!document.hidden) {
    const answer = await fetch(list.dataset.activity, { headers: keyHeader() }).catch(() => null);
    if (answer?.ok) {
      now = { models: await answer.json(), at: performance.now() };
      for (const item of items) {
        const { name } = item.dataset;
        one(item, "[data-rate]").textContent = told(now.models[name], before?.models[name], (now.at - before?.at) / 1000);
      }
    }
  }
  setTimeout(count, COUNT_AGAIN, now);
}

function told(now, before, seconds) {
  if (!now) return "not asked yet";
  const rate = before ? (now.requests - before.requests) / seconds : 0;
  const parts = [rate > 0 ? `${shown(rate)} requests a second` : `${shown(now.requests)} request${now.requests === 1 ? "" : "s"}`];
  if (now.failed) parts.push(`${shown(now.failed)} failed`);
  return parts.join(", ");
}

if (items.length) count(null);

async function openWhenReady(url) {
  const ready = await fetch(url, { headers: keyHeader() }).then((response) => response.ok, () => false);
  if (ready) location.reload();
  else setTimeout(openWhenReady, ASK_AGAIN, url);
}

const waiting = one(document, "[data-waiting]");
if (waiting) setTimeout(openWhenReady, ASK_AGAIN, waiting.dataset.waiting);
