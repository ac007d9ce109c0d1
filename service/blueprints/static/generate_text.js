// A text model's section: a chat, where it has a template for one, and a prompt as the model goes on with it.

import { events } from "./api.js";
import { asking } from "./ask.js";
import { chat } from "./chat.js";
import { all, el, markFault, one, shown } from "./dom.js";
import { terms } from "./lists.js";
import { sampling } from "./sampling.js";
import { keep, kept } from "./share.js";
import { snippets } from "./snippets.js";

const ENDED = {
  stop: "it came to an end by itself",
  length: "it was cut at the most tokens asked for",
  cancelled: "it was stopped",
};

export function start(section) {
  const panes = all(section, "[data-pane]");
  const modes = one(section, "[data-modes]");
  completion(one(section, "[data-pane=completion]"), section.dataset);
  if (!modes) return;
  chat(one(section, "[data-pane=chat]"), section.dataset);
  modes.hidden = false;
  const choose = (mode) => {
    for (const pane of panes) pane.hidden = pane.dataset.pane !== mode;
    for (const button of all(modes, "button")) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  };
  for (const button of all(modes, "button")) button.addEventListener("click", () => choose(button.dataset.mode));
  choose(kept("prompt") === null ? "chat" : "completion");
}

function completion(pane, { stream, model }) {
  const form = one(pane, "[data-form]");
  const { text } = form.elements;
  const example = text.value;
  const update = snippets(one(pane, "[data-snippets]"));
  const where = (detail) => one(form, `[data-parameter="${CSS.escape(detail.parameter ?? "text")}"]`);
  const call = () => {
    const parameters = sampling(form, (parameter) => where({ parameter }));
    return parameters && { instances: [text.value], parameters };
  };

  function changed(event) {
    const field = event?.target.closest(".field");
    if (field) markFault(field, "");
    const body = call();
    if (!body) return;
    update(body);
    keep("prompt", text.value === example ? null : text.value);
  }

  /** Go on with what is there, after it was cut or the connection died. */
  function goOn(written) {
    text.value += written;
    changed();
    form.requestSubmit();
  }

  const shared = kept("prompt");
  if (typeof shared === "string") text.value = shared;

  form.addEventListener("input", changed);
  changed();
  asking(pane, {
    call,
    send: (body, place, signal) => written({ stream, model }, body, place, signal),
    show: (answer, body, milliseconds) => shownAnswer(answer, body.instances[0], milliseconds, goOn),
    where,
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
    if (!signal.aborted && !mark.isConnected) throw problem;
    body.fault = signal.aborted ? "" : problem.message; // what is there stays
  }
  body.text = mark.textContent;
  return { body, milliseconds: performance.now() - began };
}

const story = (prompt, added, named = "story") =>
  el("p", { class: named }, el("span", { class: "asked" }, prompt), added);

function shownAnswer({ model, version, text, usage, reason, fault }, prompt, milliseconds, goOn) {
  const rate = usage && usage.completion_tokens / (milliseconds / 1000);
  const known = usage
    ? [
        ["Tokens added", `${usage.completion_tokens}, ${shown(Number(rate.toFixed(1)))} a second`],
        ["Tokens of the text", shown(usage.prompt_tokens)],
      ]
    : []; // whoever hangs up is not told
  const more = el("button", { type: "button" }, "Continue");
  more.addEventListener("click", () => goOn(text));
  const ended = fault ? [] : [["Then", ENDED[reason] ?? reason]];
  return [
    story(prompt, el("mark", {}, text)),
    fault ? el("p", { class: "broken", role: "alert" }, fault) : null,
    terms([...known, ...ended]),
    fault || reason !== "stop" ? el("p", { class: "actions" }, more) : null,
    version ? el("p", { class: "by" }, `${model}, version ${version}`) : null,
  ].filter((part) => part !== null);
}
