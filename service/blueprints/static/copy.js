// Text to the clipboard, with the button telling how it went.

import { el } from "./dom.js";

const TOLD_FOR = 1600; // milliseconds

export async function copyText(text, button) {
  const label = (button.dataset.label ??= button.textContent);
  button.textContent = (await copied(text)) ? "Copied" : "Not allowed here";
  setTimeout(() => (button.textContent = label), TOLD_FOR);
}

/** The clipboard is only there on https and on this very machine; elsewhere the text is selected and copied the old way. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const focused = document.activeElement;
    const field = el("textarea", { class: "quiet", "aria-hidden": "true" });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}
