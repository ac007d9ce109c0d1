// One call of the service: a POST of JSON, timed, with every way to fail turned into one Problem.

/** What went wrong: `message` for people, `details` as the service lists them, `status` 0 where nothing answered. */
export class Problem extends Error {
  constructor(message, { status = 0, details = [], requestId = "", retryAfter = "" } = {}) {
    super(message);
    Object.assign(this, { status, details, requestId, retryAfter });
  }
}

/** POST -> { body, milliseconds }: the parsed answer, and how long it took from here to there and back. */
export async function post(url, body) {
  const began = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new Problem("The server did not answer. Is it still running?");
  });
  const text = await response.text();
  const milliseconds = performance.now() - began;
  const answer = parsed(text);
  if (response.ok && answer) return { body: answer, milliseconds };
  throw new Problem(answer?.error?.message ?? answer?.error ?? `The server answered with status ${response.status}.`, {
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
