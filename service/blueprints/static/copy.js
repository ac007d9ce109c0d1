// Code to the clipboard, with the button telling how it went.

const COPIED_FOR = 1600; // milliseconds

export async function copyText(code, button) {
  const label = (button.dataset.label ??= button.textContent);
  button.textContent = (await copied(code)) ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (button.textContent = label), COPIED_FOR);
}

/** The clipboard is only there on https and on this very machine; elsewhere the text is selected and copied the old way. */
async function copied(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}
