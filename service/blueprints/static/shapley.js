// Shapley values of one row against a baseline row: how much each column moves the answer from one to the other.
//
// Lloyd Shapley, "A value for n-person games", 1953. All coalitions where there are few columns; else permutations, each
// with its reverse (Mitchell et al., "Sampling permutations for Shapley value estimation", 2022). They always add up.

const MOST_EXACT = 10; // columns: 1024 coalitions
const MOST_ROWS = 2000; // in the one request

/**
 * What to ask: { columns: those that differ, rows: coalitions as rows, exact, plan }. `shapley(asked, answers)` then
 * makes the values of the answers, a number a row in the same order.
 */
export function coalitions(row, baseline, random = Math.random) {
  const columns = Object.keys(row).filter((column) => row[column] !== baseline[column]);
  const exact = columns.length <= MOST_EXACT;
  const mixed = (has) => ({ ...row, ...Object.fromEntries(columns.filter((_, at) => !has(at)).map((column) => [column, baseline[column]])) });
  if (exact) {
    const rows = Array.from({ length: 2 ** columns.length }, (_, set) => mixed((at) => (set >> at) & 1));
    return { columns, rows, exact, plan: [] };
  }
  const pairs = Math.max(1, Math.floor(MOST_ROWS / (2 * (columns.length + 1))));
  const plan = Array.from({ length: pairs }, () => shuffled(columns.length, random)).flatMap((order) => [order, order.toReversed()]);
  const rows = plan.flatMap((order) => {
    const present = new Set();
    return [mixed((at) => present.has(at)), ...order.map((added) => mixed((at) => present.add(added).has(at)))];
  });
  return { columns, rows, exact, plan };
}

/** { base, answer, values: [{ column, value, error }] }: error is a standard error, 0 where the values are exact. */
export function shapley({ columns, exact, plan }, answers) {
  return exact ? byCoalitions(columns, answers) : byPermutations(columns, plan, answers);
}

function byCoalitions(columns, answers) {
  const count = columns.length;
  const weights = [1 / count]; // of coalitions of 0, 1, ... columns: |S|! (n - |S| - 1)! / n!
  for (let size = 1; size < count; size += 1) weights.push((weights[size - 1] * size) / (count - size));
  const values = columns.map((column, at) => {
    let value = 0;
    for (let set = 0; set < answers.length; set += 1) {
      if (!((set >> at) & 1)) value += weights[size(set)] * (answers[set | (1 << at)] - answers[set]);
    }
    return { column, value, error: 0 };
  });
  return { base: answers[0], answer: answers.at(-1), values };
}

function byPermutations(columns, plan, answers) {
  const gains = columns.map(() => []);
  plan.forEach((order, at) => {
    const from = at * (columns.length + 1);
    order.forEach((added, place) => gains[added].push(answers[from + place + 1] - answers[from + place]));
  });
  const values = columns.map((column, at) => {
    const pairs = Array.from({ length: plan.length / 2 }, (_, pair) => (gains[at][2 * pair] + gains[at][2 * pair + 1]) / 2);
    const value = mean(pairs);
    const spread = mean(pairs.map((gain) => (gain - value) ** 2)) / Math.max(1, pairs.length - 1);
    return { column, value, error: Math.sqrt(spread) };
  });
  return { base: answers[0], answer: answers[columns.length], values };
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

function size(set) {
  let count = 0;
  for (let left = set; left; left &= left - 1) count += 1;
  return count;
}

function shuffled(count, random) {
  const order = [...Array(count).keys()];
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}
