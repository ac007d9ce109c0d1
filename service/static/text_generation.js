// A text model's section: a prompt, how to sample, and the prompt as the model goes on with it.

import { asking, raw } from "./ask.js";
import { el, markFault, one, shown } from "./dom.js";
import { snippets } from "./snippets.js";

const NUMBERS = ["max_tokens", "temperature", "seed", "top_k", "top_p"];
const ENDED = { stop: "it came to an end by itself", length: "it was cut at the most tokens asked for" };

export function textGeneration(section) {
  const form = one(section, "[data-form]");
  const update = snippets(one(section, "[data-snippets]"));
  const where = (detail) => one(form, `[data-parameter="${CSS.escape(detail.parameter ?? "text")}"]`);

  function call() {
    const parameters = {};
    for (const name of NUMBERS) {
      const { value, valueAsNumber, validity } = form.elements[name];
      if (validity.badInput) {
        markFault(where({ parameter: name }), "not a complete value");
        return null;
      }
      if (value !== "") parameters[name] = valueAsNumber;
    }
    const stop = form.elements.stop.value.replaceAll("\\n", "\n");
    if (stop) parameters.stop = stop;
    return { instances: [form.elements.text.value], parameters };
  }

  function changed(event) {
    const field = event?.target.closest(".field");
    if (field) markFault(field, "");
    const body = call();
    if (body) update(body);
  }

  form.addEventListener("input", changed);
  changed();
  asking(section, {
    call,
    show: (answer, body, milliseconds) => shownAnswer(answer, body.instances[0], milliseconds),
    where(detail) {
      const field = where(detail);
      const folded = field?.closest("details");
      if (folded) folded.open = true;
      return field;
    },
  });
}

function shownAnswer(answer, prompt, milliseconds) {
  const { text, usage, finish_reason: reason } = answer.predictions[0];
  const rate = usage.completion_tokens / (milliseconds / 1000);
  return [
    el("p", { class: "story" }, el("span", { class: "asked" }, prompt), el("mark", {}, text)),
    el(
      "dl",
      { class: "values" },
      ...["Tokens added", `${usage.completion_tokens}, ${shown(Number(rate.toFixed(1)))} a second`].map(term),
      ...["Tokens of the text", shown(usage.prompt_tokens)].map(term),
      ...["Then", ENDED[reason] ?? reason].map(term),
    ),
    el("p", { class: "by" }, `${answer.model_name}, version ${answer.model_version}`),
    raw(answer),
  ];
}

const term = (value, place) => el(place ? "dd" : "dt", {}, value);
