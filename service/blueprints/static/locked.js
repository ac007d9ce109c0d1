// The locked page: take a key, fetch the same page with it, and become that page.

import { markFault, one } from "./dom.js";
import { forget, keep, keyHeader } from "./key.js";

const REFUSED = { 401: "The server does not take this key.", 403: "This key is no admin’s." };
const form = one(document, "[data-locked]");
const field = one(form, ".field");

async function open() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html", ...keyHeader() } }).catch(() => null);
  if (answer?.ok) {
    const page = await answer.text();
    document.open();
    document.write(page);
    document.close();
    return;
  }
  if (answer?.status === 401) forget();
  markFault(field, REFUSED[answer?.status] ?? "The server did not answer as it should.");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  keep(form.elements.key.value.trim());
  open();
});

if (Object.keys(keyHeader()).length) open();
