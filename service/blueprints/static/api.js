// One call of the service: a POST of JSON, answered whole or in pieces, every way to fail turned into one Problem.

import { keyHeader } from "./key.js";

/** What went wrong: `message` for people, `details` as the service lists them, `status` 0 where nothing answered. */
export class Problem extends Error {
  constructor(message, { status = 0, details = [], requestId = "", retryAfter = "" } = {}) {
    super(message);
    Object.assign(this, { status, details, requestId, retryAfter });
  }
}

/** POST of JSON, or of a file of this type -> { body, milliseconds }: the parsed answer, and how long it took. */
export async function post(url, body, type) {
  const began = performance.now();
  const response = await sent(url, body, undefined, type);
  const text = await response.text();
  const milliseconds = performance.now() - began;
  const answer = parsed(text);
  if (response.ok && answer) return { body: answer, milliseconds };
  throw refused(response, answer);
}

/** POST of CSV, answered in JSON -> the parsed answer. */
export async function postCsv(url, text, signal) {
  const response = await sent(url, text, signal, "text/csv");
  const answer = parsed(await response.text());
  if (response.ok && answer) return answer;
  throw refused(response, answer);
}

/** POST whose answer is a stream: its events, parsed, as they come. Aborting `signal` ends the work on the server. */
export async function* events(url, body, signal) {
  const response = await sent(url, body, signal);
  if (!response.ok) throw refused(response, parsed(await response.text()));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch((problem) => {
      if (signal?.aborted) throw problem;
      return { done: true }; // the connection died
    });
    if (done) throw new Problem("The server broke off in the middle of its answer. What it had written is kept.");
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      if (frame.startsWith(":")) continue; // a sign of life
      const data = frame.slice("data: ".length);
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw refused(response, event);
      yield event;
    }
  }
}

function sent(url, body, signal, type = "application/json") {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": type, Accept: "application/json", ...keyHeader() },
    body: type === "application/json" ? JSON.stringify(body) : body,
    signal,
  }).catch((problem) => {
    if (signal?.aborted) throw problem;
    throw new Problem("The server did not answer. Is it still running?");
  });
}

function refused(response, answer) {
  return new Problem(answer?.error?.message ?? answer?.error ?? `The server answered with status ${response.status}.`, {
    status: response.status,
    details: answer?.details ?? answer?.error?.details ?? [],
    requestId: response.headers.get("X-Request-ID") ?? "",
    retryAfter: response.headers.get("Retry-After") ?? "",
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page of HTML, say
  }
}
