// The operations page: charts of what /metrics says, and changes that are checked before they are confirmed.

import { post } from "./api.js";
import { all, drawn, el, one, shown } from "./dom.js";
import { between, samples, totals } from "./figures.js";
import { keyHeader } from "./key.js";

const AGAIN = 5000; // milliseconds between two looks
const MOST_PATIENT = 120_000; // milliseconds that a change is waited for
const KEPT = 120; // points of a chart: ten minutes ...
const LEAST = 24; // ... and its width while there are fewer
const [WIDTH, HEIGHT] = [240, 48];

const seconds = (value) => (value < 1 ? `${shown(Number((1000 * value).toPrecision(3)))} ms` : `${shown(Number(value.toPrecision(3)))} s`);
const rate = (value) => `${shown(Number(value.toPrecision(3)))} /s`;
const bytes = (value) => `${shown(Number((value / 2 ** 20).toPrecision(3)))} MiB`;

// The charts of a model: [title, { line: what is written before its value }, how a value is written].
const CHARTS = [
  ["Requests", { rate: "" }, rate],
  ["Refused and failed", { faults: "", failed: "failed " }, rate],
  ["Time to the answer", { p50: "p50 ", p99: "p99 " }, seconds],
  ["Waiting for the model", { queue: "" }, seconds],
  ["Tokens", { tokens: "" }, rate],
];

const lost = one(document, "[data-lost]");
const points = new Map(); // model -> its points, the newest last

const asMetrics = () => fetch(one(document, "[data-metrics]").dataset.metrics, { headers: keyHeader() }).catch(() => null);

/** Look at the metrics, and draw what has happened since `before`. */
async function look(before) {
  let now = before;
  if (!document.hidden) {
    const answer = await asMetrics();
    lost.hidden = Boolean(answer?.ok);
    lost.textContent = answer ? `The figures cannot be read: status ${answer.status}.` : "The server does not answer. The figures stand still.";
    if (answer?.ok) {
      const found = samples(await answer.text());
      now = { models: totals(found), keys: byKey(found), at: performance.now() };
      if (before) drawModels(before, now);
      if (before) drawKeys(before, now);
      drawServer(found);
    }
  }
  setTimeout(look, AGAIN, now);
}

function drawModels(before, now) {
  for (const place of all(document, "[data-operated] [data-charts]")) {
    const name = place.dataset.charts;
    const point = between(before.models.get(name) ?? {}, now.models.get(name) ?? {}, (now.at - before.at) / 1000);
    const kept = keep(name, point);
    place.replaceChildren(...CHARTS.flatMap((chart) => charted(chart, kept) ?? []));
  }
}

/** Requests so far: Map(name of a key -> count). */
const byKey = (found) => new Map(found.flatMap(({ name, labels, value }) => (name === "daylight_key_requests_total" ? [[labels.key, value]] : [])));

function drawKeys(before, now) {
  for (const place of all(document, "[data-key]")) {
    const name = place.dataset.key;
    place.textContent = rate(Math.max(0, (now.keys.get(name) ?? 0) - (before.keys.get(name) ?? 0)) / ((now.at - before.at) / 1000));
  }
}

function drawServer(found) {
  const memory = found.filter(({ name }) => name === "daylight_memory_bytes");
  const flying = found.find(({ name }) => name === "daylight_requests_in_flight")?.value ?? 0;
  const kept = keep("", { flying, ...Object.fromEntries(memory.map(({ labels, value }) => [labels.process, value])) });
  const charts = memory.map(({ labels }) => [`Memory: ${labels.process}`, { [labels.process]: "" }, bytes]);
  const place = one(document, "[data-charts=server]");
  place.replaceChildren(...[["Being answered", { flying: "" }, shown], ...charts].map((chart) => charted(chart, kept)));
}

function keep(name, point) {
  const kept = [...(points.get(name) ?? []), point].slice(-KEPT);
  points.set(name, kept);
  return kept;
}

/** A chart of the points, the newest at the right; null where no line has a value. */
function charted([title, lines, told], kept) {
  const known = kept.flatMap((point) => Object.keys(lines).map((line) => point[line])).filter((value) => typeof value === "number");
  if (!known.length) return null;
  const most = Math.max(...known);
  const step = WIDTH / (Math.max(kept.length, LEAST) - 1);
  const x = (place) => WIDTH - (kept.length - 1 - place) * step;
  const y = (value) => HEIGHT - 2 - ((HEIGHT - 4) * value) / (most || 1);
  const paths = Object.keys(lines).map((line, at) => {
    const on = kept.flatMap((point, place) => (typeof point[line] === "number" ? [`${x(place).toFixed(1)},${y(point[line]).toFixed(1)}`] : []));
    return drawn("polyline", { class: `line${at}`, points: on.join(" ") });
  });
  const picture = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...paths);
  const last = Object.entries(lines).flatMap(([line, before]) => (typeof kept.at(-1)[line] === "number" ? [before + told(kept.at(-1)[line])] : []));
  const now = el("span", {}, last.join(", ") || "nothing now", el("span", { class: "most" }, `, at most ${told(most)}`));
  const caption = el("figcaption", {}, el("strong", {}, title), now);
  return el("figure", {}, caption, picture);
}

// What is asked before a change: its question, the button, whether the version is checked first, and the body that is sent.
const CHANGES = {
  promote: { question: (name, version) => `Promote ${name} version ${version}?`, label: "Promote", body: (version, why) => ({ version, why }) },
  rollback: { question: (name, version) => `Roll ${name} back to version ${version}?`, label: "Roll back", body: (_, why) => ({ why }) },
  load: { question: (name) => `Load ${name}?`, label: "Load", note: "Its current version is loaded and proven in every worker before it answers." },
  unload: { question: (name) => `Serve ${name} no more?`, label: "Unload", note: "Its requests are refused until it is loaded again, or the server starts anew." },
};

const dialog = one(document, "[data-dialog]");
const form = one(dialog, "[data-confirm]");
const go = one(form, "[data-go]");
const said = one(form, "[data-checked]");
let asked = null; // the change that the dialog is about

async function ask({ act, version }, { operated: name, ...urls }) {
  const mine = (asked = { ...CHANGES[act], name, version, url: urls[act], breaking: false });
  one(form, "[data-question]").textContent = mine.question(name, version);
  one(form, "[data-why]").hidden = !mine.body;
  go.textContent = mine.label;
  go.disabled = Boolean(mine.body);
  said.replaceChildren(el("p", {}, mine.note ?? "It is being loaded and compared with the one that answers …"));
  dialog.showModal();
  if (!mine.body) return;
  try {
    const { body } = await post(urls.check, { version });
    if (mine !== asked) return;
    mine.breaking = body.breaking.length > 0;
    const found = [...body.breaking.map((change) => `breaks callers: ${change}`), ...body.differences];
    said.replaceChildren(
      el("p", {}, `Version ${version} is sound: it was loaded, and its example gives the same answer.`),
      el("ul", {}, ...(found.length ? found : ["nothing differs from the one that answers"]).map((text) => el("li", {}, text))),
    );
    if (mine.breaking) go.textContent = `${mine.label} all the same`;
    go.disabled = false;
  } catch (problem) {
    if (mine === asked) refused(problem);
  }
}

/** Wait until what was asked for answers, or is refused; then the page tells which. */
async function followed({ name, version }, loads) {
  said.replaceChildren(el("p", {}, "The workers are at it …"));
  const ends = performance.now() + MOST_PATIENT;
  const refusedBefore = one(document.getElementById(name), ".state.refused");
  while (performance.now() < ends) {
    await new Promise((awake) => setTimeout(awake, AGAIN / 10));
    const found = samples((await (await asMetrics())?.text()) ?? "").filter(({ labels }) => labels.model === name);
    const served = found.find((sample) => sample.name === "daylight_model_info")?.labels.version;
    if (loads ? served && (served === version || !version) : !served) return;
    if (!refusedBefore && found.some((sample) => sample.name === "daylight_refused_models")) return;
  }
}

function refused(problem) {
  said.replaceChildren(el("p", { class: "note fault-note", role: "alert" }, problem.message));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const mine = asked;
  go.disabled = true;
  const body = mine.body?.(mine.version, form.elements.why.value.trim()) ?? {};
  try {
    const answer = await post(mine.url, mine.breaking && "version" in body ? { ...body, breaking: true } : body);
    if (answer.body.state.endsWith("LOADING")) await followed(mine, answer.body.state === "LOADING");
    location.reload();
  } catch (problem) {
    refused(problem);
  }
});
one(form, "[data-leave]").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => (asked = null));
for (const panel of all(document, "[data-operated]")) {
  for (const tools of all(panel, "[data-tools]")) tools.hidden = false;
  panel.addEventListener("click", ({ target }) => target.dataset.act && ask(target.dataset, panel.dataset));
}
look(null);
