// A conversation as a tree: editing a message or asking anew makes a branch beside the old one, which stays.

/**
 * A turn is { role, content, next: [turns], chosen: which of them is shown }. What else is known of an answer (its
 * fault, its numbers) is kept in the turn as well.
 */
export class Conversation {
  constructor(root = { next: [], chosen: 0 }) {
    this.root = root;
  }

  /** The turns that are shown, from the first to the last. */
  get path() {
    const turns = [];
    for (let turn = this.root.next[this.root.chosen]; turn; turn = turn.next[turn.chosen]) turns.push(turn);
    return turns;
  }

  /** Add a turn below the last one that is shown, or below `parent`, beside what is there; returns it. */
  add(role, content, parent = this.path.at(-1) ?? this.root) {
    const turn = { role, content, next: [], chosen: 0 };
    parent.chosen = parent.next.push(turn) - 1;
    return turn;
  }

  /** The turn above one that is shown. */
  above(turn) {
    const { path } = this;
    return path[path.indexOf(turn) - 1] ?? this.root;
  }

  /** [place, count] of a turn among the branches at its place. */
  branch(turn) {
    const { next } = this.above(turn);
    return [next.indexOf(turn), next.length];
  }

  /** Show the branch that is `step` further. */
  move(turn, step) {
    const parent = this.above(turn);
    parent.chosen = (parent.next.indexOf(turn) + step + parent.next.length) % parent.next.length;
  }

  /** The messages as the API takes them, up to a turn and without it; empty answers are left out. */
  messages(system, upTo = null) {
    const { path } = this;
    const turns = upTo ? path.slice(0, path.indexOf(upTo)) : path;
    const said = turns.filter(({ content }) => content).map(({ role, content }) => ({ role, content }));
    return system ? [{ role: "system", content: system }, ...said] : said;
  }
}
