// A text model's section: a prompt, how to sample, and the prompt as the model goes on with it.

import { events } from "./api.js";
import { asking } from "./ask.js";
import { el, markFault, one, shown } from "./dom.js";
import { snippets } from "./snippets.js";

const NUMBERS = ["max_tokens", "temperature", "seed", "top_k", "top_p"];
const ENDED = {
  stop: "it came to an end by itself",
  length: "it was cut at the most tokens asked for",
  cancelled: "it was stopped",
};

export function generateText(section) {
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
    send: (body, place, signal) => written(section.dataset, body, place, signal),
    show: (answer, body, milliseconds) => shownAnswer(answer, body.instances[0], milliseconds),
    where(detail) {
      const field = where(detail);
      const folded = field?.closest("details");
      if (folded) folded.open = true;
      return field;
    },
  });
}

/** Put the text into `place` as it is written -> { body: what is known of it, milliseconds }. */
async function written({ stream, model }, { instances, parameters }, place, signal) {
  const began = performance.now();
  const body = { model, text: "", version: "", usage: null, reason: "cancelled" };
  const mark = el("mark", {});
  const asked = { model, prompt: instances[0], ...parameters, stream: true, stream_options: { include_usage: true } };
  try {
    for await (const event of events(stream, asked, signal)) {
      const [choice] = event.choices;
      if (!mark.isConnected) place.replaceChildren(story(instances[0], mark, "story writing"));
      mark.append(choice?.text ?? "");
      body.reason = choice?.finish_reason ?? body.reason;
      body.usage = event.usage ?? body.usage;
      body.version = event.system_fingerprint.slice(model.length + 1);
    }
  } catch (problem) {
    if (!signal.aborted) throw problem; // stopped, what is there stays
  }
  body.text = mark.textContent;
  return { body, milliseconds: performance.now() - began };
}

const story = (prompt, added, named = "story") =>
  el("p", { class: named }, el("span", { class: "asked" }, prompt), added);

function shownAnswer({ model, version, text, usage, reason }, prompt, milliseconds) {
  const rate = usage && usage.completion_tokens / (milliseconds / 1000);
  const known = usage
    ? [
        ["Tokens added", `${usage.completion_tokens}, ${shown(Number(rate.toFixed(1)))} a second`],
        ["Tokens of the text", shown(usage.prompt_tokens)],
      ]
    : []; // whoever hangs up is not told
  return [
    story(prompt, el("mark", {}, text)),
    el("dl", { class: "values" }, ...[...known, ["Then", ENDED[reason] ?? reason]].flat().map(term)),
    version ? el("p", { class: "by" }, `${model}, version ${version}`) : null,
  ].filter((part) => part !== null);
}

const term = (value, place) => el(place % 2 ? "dd" : "dt", {}, value);
