// An image classifier's section: a file, shown before it is sent as it is, and the most probable labels as bars.

import { post } from "./api.js";
import { asking, raw } from "./ask.js";
import { el, markFault, one } from "./dom.js";
import { takingFiles } from "./files.js";
import { ranked } from "./outputs.js";
import { snippets } from "./snippets.js";

const SHOWN = 12; // labels
const TYPES = ["image/jpeg", "image/png", "image/webp"]; // of what is sent; the server looks at the bytes

export function start(section) {
  const form = one(section, "[data-form]");
  const field = one(form, "[data-image]");
  const preview = one(form, "[data-preview]");
  let image = ofDataUrl(preview.src);
  snippets(one(section, "[data-snippets]"))({});

  takingFiles(form, one(field, "input"), (file) => {
    image = file;
    markFault(field, "");
    one(form, "[data-caption]").textContent = file.name;
    const reader = new FileReader();
    reader.addEventListener("load", () => (preview.src = reader.result));
    reader.readAsDataURL(file);
    form.requestSubmit();
  });

  asking(section, {
    call: () => image,
    send: latest,
    show: (answer) => [
      ranked(answer.predictions[0].map(({ label, score }) => [label, score])),
      el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
      raw(answer),
    ],
    where: ({ row }) => (row === undefined ? null : field),
  });

  /** The answer to the image that is shown: another one may be chosen while the one before is under way. */
  async function latest() {
    for (;;) {
      const file = image;
      const type = TYPES.includes(file.type) ? file.type : TYPES[0];
      const sent = post(`${section.dataset.url}?top_k=${SHOWN}`, file, type);
      const answer = await sent.catch((problem) => {
        if (file === image) throw problem;
      });
      if (file === image) return answer;
    }
  }
}

/** The bytes in a data URL, as a file. */
function ofDataUrl(url) {
  const [head, text] = url.split(",");
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice("data:".length, head.indexOf(";")) });
}
