// The chat of a text model: turns that can be edited, asked anew and branched, and answers that stay if the server dies.

import { events } from "./api.js";
import { Conversation } from "./conversation.js";
import { copyText } from "./copy.js";
import { all, clearFaults, el, focusFault, markFault, one, shown } from "./dom.js";
import { terms } from "./lists.js";
import { growing, markdown } from "./markdown.js";
import { sampling } from "./sampling.js";
import { snippets } from "./snippets.js";

const GO_ON = "Go on from exactly where you stopped.";

export function chat(pane, { model, chat: url, context }) {
  const form = one(pane, "[data-form]");
  const log = one(pane, "[data-turns]");
  const numbers = one(pane, "[data-numbers]");
  const { message, system } = form.elements;
  const send = one(form, "[type=submit]");
  const stop = one(form, "[data-stop]");
  const update = snippets(one(pane, "[data-snippets]"));
  const place = `daylight-chat-${model}`;
  const where = (name) => one(form, `[data-parameter="${CSS.escape(name)}"]`);
  let talk = remembered(place, system);
  let running = null;
  let written = {}; // where the answer is being written, and by what

  function remember() {
    const unkept = one(pane, "[data-unkept]");
    try {
      sessionStorage.setItem(place, JSON.stringify({ system: system.value, root: talk.root }));
      unkept.hidden = true;
    } catch {
      unkept.hidden = false; // a browser keeps some megabytes, or nothing at all
    }
  }

  /** The parameters of a call, or null where one of them is marked. */
  function parameters() {
    const found = sampling(form, where);
    const text = form.elements.schema.value.trim();
    if (!found || !text) return found;
    try {
      const schema = JSON.parse(text);
      return { ...found, response_format: { type: "json_schema", json_schema: { name: "answer", schema } } };
    } catch (problem) {
      markFault(where("schema"), problem.message);
      return null;
    }
  }

  function changed() {
    const found = parameters();
    if (!found) return;
    const typed = message.value.trim();
    const { path } = talk;
    const last = typed || path.at(-1)?.role !== "assistant" ? null : path.at(-1); // which is the answer to the call
    const messages = talk.messages(system.value.trim(), last);
    update(forCode(model, typed ? [...messages, { role: "user", content: typed }] : messages, found));
    remember();
  }

  /** Send a message, below the last turn or below `parent`; false where nothing is sent, for a parameter is wrong. */
  function say(text, parent) {
    const found = sound();
    if (!found) return false;
    talk.add("user", text, parent);
    answer(found);
    return true;
  }

  function regenerate(turn) {
    const found = sound();
    if (found) answer(found, turn);
  }

  /** The parameters, checked anew; null where one of them is wrong, which then has the focus. */
  function sound() {
    clearFaults(form);
    const found = parameters();
    if (!found) focusFault(form);
    return found;
  }

  /** Have the model answer below the last turn, or anew in the place of `old`. */
  async function answer(found, old = null) {
    const messages = talk.messages(system.value.trim(), old);
    const turn = talk.add("assistant", "", old ? talk.above(old) : undefined);
    const body = { model, messages, ...found, stream: true, stream_options: { include_usage: true } };
    running = new AbortController();
    busy(true);
    draw();
    const began = performance.now();
    let first = 0;
    try {
      for await (const event of events(url, body, running.signal)) {
        const [choice] = event.choices;
        const piece = choice?.delta.content ?? "";
        if (piece && !first) first = performance.now();
        turn.content += piece;
        turn.reason = choice?.finish_reason ?? turn.reason;
        turn.usage = event.usage ?? turn.usage;
        if (piece) write(turn);
      }
    } catch (problem) {
      if (running.signal.aborted) turn.reason = "cancelled";
      else fail(turn, problem);
    }
    const ended = performance.now();
    turn.seconds = { first: first && (first - began) / 1000, whole: (ended - began) / 1000 };
    busy(false);
    draw();
    changed();
  }

  /** The text that is there stays, with the reason; what the server refuses is marked at its field. */
  function fail(turn, problem) {
    turn.fault = problem.message;
    for (const detail of problem.details ?? []) {
      const field = detail.parameter && where(detail.parameter.startsWith("response_format") ? "schema" : detail.parameter);
      if (field) markFault(field, `expected ${detail.expected}, got ${detail.got}`);
    }
  }

  function busy(on) {
    if (on) send.setAttribute("aria-disabled", "true");
    else send.removeAttribute("aria-disabled");
    const focused = document.activeElement === stop;
    stop.hidden = !on;
    if (focused && !on) message.focus();
    log.setAttribute("aria-busy", String(on));
    if (!on) running = null;
  }

  /** The last turn's text as it is so far. */
  function write(turn) {
    const text = log.lastElementChild && one(log.lastElementChild, ".text");
    if (!text || turn !== talk.path.at(-1)) return;
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (text !== written.place) written = { place: text, write: growing(text) };
    written.write(turn.content);
    if (below) log.scrollTop = log.scrollHeight;
  }

  function draw() {
    const { path } = talk;
    log.replaceChildren(...path.map((turn, at) => drawnTurn(turn, at === path.length - 1)));
    log.hidden = !path.length;
    one(pane, "[data-new]").hidden = !path.length;
    log.scrollTop = log.scrollHeight;
    const last = path.findLast(({ usage }) => usage);
    numbers.replaceChildren(...(last ? [terms(told(last, context))] : []));
  }

  function drawnTurn(turn, isLast) {
    const mine = turn.role === "user";
    const waiting = running && isLast && !turn.content;
    const text = waiting ? [el("p", { class: "empty" }, "…")] : mine ? [el("p", {}, turn.content)] : markdown(turn.content);
    return el(
      "li",
      { class: `turn ${turn.role}` },
      el("h3", { class: "who" }, mine ? "You" : model),
      el("div", { class: "text" }, ...text),
      turn.fault ? el("p", { class: "broken", role: "alert" }, turn.fault) : null,
      turn.reason === "length" ? el("p", { class: "more" }, "Cut at the most tokens asked for.") : null,
      turn.reason === "cancelled" ? el("p", { class: "more" }, "Stopped.") : null,
      running ? null : actions(turn, isLast),
    );
  }

  function actions(turn, isLast) {
    const [at, count] = talk.branch(turn);
    const short = turn.role === "assistant" && turn.content && (turn.fault || turn.reason !== "stop");
    return el(
      "p",
      { class: "actions" },
      ...(count > 1
        ? [button("‹", () => move(turn, -1), "Branch before"), el("span", {}, `${at + 1} of ${count}`), button("›", () => move(turn, 1), "Next branch")]
        : []),
      turn.role === "user" ? button("Edit", () => edit(turn)) : button("Regenerate", () => regenerate(turn)),
      isLast && short ? button("Continue", () => say(GO_ON)) : null,
      button("Copy", (event) => copyText(turn.content, event.currentTarget)),
    );
  }

  function move(turn, step) {
    talk.move(turn, step);
    draw();
    changed();
  }

  /** Type a message anew: sent, it becomes a branch beside the old one. */
  function edit(turn) {
    const field = el("textarea", { rows: "3", "aria-label": "Your message, edited" });
    field.value = turn.content;
    const item = all(log, "li")[talk.path.indexOf(turn)];
    const parent = talk.above(turn);
    const resend = () => field.value.trim() && say(field.value.trim(), parent);
    const buttons = el("p", { class: "actions" }, button("Send", resend), button("Leave it", draw));
    item.replaceChildren(el("h3", { class: "who" }, "You"), field, buttons);
    field.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running) return;
    const text = message.value.trim();
    if (!text) return message.focus();
    if (say(text)) message.value = "";
  });
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("input", (event) => {
    const field = event.target.closest(".field");
    if (field) markFault(field, "");
    changed();
  });
  stop.addEventListener("click", () => running?.abort());
  one(pane, "[data-new]").addEventListener("click", () => {
    running?.abort();
    talk = new Conversation();
    draw();
    changed();
    message.focus();
  });
  send.disabled = false;
  draw();
  changed();
}

/** The conversation of this tab, which a reload does not end. */
function remembered(place, system) {
  try {
    const found = JSON.parse(sessionStorage.getItem(place));
    system.value = found.system;
    return new Conversation(found.root);
  } catch {
    return new Conversation(); // none yet
  }
}

/** What snippets show: OpenAI's client takes parameters that are not OpenAI's in a dict of their own. */
function forCode(model, messages, parameters) {
  const { top_k, min_p, repetition_penalty, ...known } = parameters;
  const more = Object.entries({ top_k, min_p, repetition_penalty }).filter(([, value]) => value !== undefined);
  const extra = more.length ? { extra_body: Object.fromEntries(more) } : {};
  const asked = messages.length ? messages : [{ role: "user", content: "Hello" }];
  return { body: { model, messages: asked, ...parameters }, messages: asked, known: { ...known, ...extra }, parameters };
}

function told({ usage, seconds }, context) {
  const written = usage.completion_tokens / Math.max(seconds.whole - seconds.first, 0.001);
  const share = Math.round((100 * usage.total_tokens) / Number(context));
  return [
    ["Tokens written", `${usage.completion_tokens}, ${shown(Number(written.toFixed(1)))} a second`],
    ["First token", `${shown(Number(seconds.first.toFixed(2)))} s`],
    ["Context used", `${shown(usage.total_tokens)} of ${shown(Number(context))} tokens (${share} %)`],
  ];
}

function button(label, press, name = "") {
  const made = el("button", { type: "button", class: "plain small", ...(name ? { "aria-label": name } : {}) }, label);
  made.addEventListener("click", press);
  return made;
}
