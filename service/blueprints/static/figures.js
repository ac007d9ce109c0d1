// What /metrics says, as the figures of each model: totals, then what became of them between two looks.

/** Prometheus' text format -> [{ name, labels, value }]. */
export function samples(text) {
  return text.split("\n").flatMap((line) => {
    const found = line.match(/^(\w+)(?:\{(.*)\})? (\S+)/);
    return found ? [{ name: found[1], labels: labelsOf(found[2] ?? ""), value: Number(found[3]) }] : [];
  });
}

const labelsOf = (text) =>
  Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));

// How a sample adds to the totals of its model: by its name, (its labels, its value) -> { total: amount }.
const COUNTED = {
  daylight_requests_total: ({ status }, value) => ({ requests: value, [{ 4: "refused", 5: "failed" }[status[0]] ?? "good"]: value }),
  daylight_queue_seconds_total: (_, value) => ({ queue: value }),
  daylight_tokens_total: ({ of }, value) => (of === "completion" ? { tokens: value } : {}),
  daylight_request_seconds_bucket: ({ le }, value) => ({ [`le ${le}`]: value }),
};

/** Totals of each model since the server started: Map(model -> { requests, refused, failed, queue, tokens, "le 0.1" }). */
export function totals(found) {
  const models = new Map();
  for (const { name, labels, value } of found) {
    if (!labels.model || !(name in COUNTED)) continue;
    const model = models.get(labels.model) ?? {};
    for (const [total, amount] of Object.entries(COUNTED[name](labels, value))) model[total] = (model[total] ?? 0) + amount;
    models.set(labels.model, model);
  }
  return models;
}

/** What happened between two totals, `seconds` apart; null for a figure that nothing is known of. */
export function between(before, now, seconds) {
  const grown = (total) => Math.max(0, (now[total] ?? 0) - (before[total] ?? 0));
  const requests = grown("requests");
  const ends = Object.keys(now).filter((total) => total.startsWith("le "));
  const buckets = ends.map((total) => [Number(total.slice(3).replace("+Inf", "Infinity")), grown(total)]).toSorted(([a], [b]) => a - b);
  return {
    rate: requests / seconds,
    faults: (grown("refused") + grown("failed")) / seconds,
    failed: grown("failed") / seconds,
    p50: quantile(buckets, 0.5),
    p99: quantile(buckets, 0.99),
    queue: requests ? grown("queue") / requests : null,
    tokens: "tokens" in now ? grown("tokens") / seconds : null,
  };
}

/** A quantile of a histogram's cumulative counts [[end, count]], as Prometheus' histogram_quantile makes it. */
export function quantile(buckets, share) {
  const count = buckets.at(-1)?.[1] ?? 0;
  if (!count) return null;
  const at = buckets.findIndex(([, below]) => below >= share * count);
  const [from, under] = at ? buckets[at - 1] : [0, 0];
  const [end, below] = buckets[at];
  return Number.isFinite(end) ? from + ((end - from) * (share * count - under)) / (below - under) : from;
}
