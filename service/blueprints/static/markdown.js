// Markdown as models write it -> elements. Nothing of it becomes markup: tags, images and scripts stay text.

import { el } from "./dom.js";

const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*(\S*)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const QUOTE = /^>\s?(.*)$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;

/** The elements of a text; one that is still being written may end anywhere. */
export const markdown = (text) => blocks(text.split("\n")).flatMap(([element]) => element ?? []);

/**
 * Show a text in `place` as it grows: returns write(text), to be called with all of it so far. Blocks that more text
 * cannot change stay; only the last ones are made anew, or a long answer would cost its length again at each token.
 */
export function growing(place) {
  let settled = 0; // characters of the blocks that stay
  let kept = 0; // their elements
  place.replaceChildren();
  return (text) => {
    const lines = text.slice(settled).split("\n");
    while (place.childNodes.length > kept) place.lastChild.remove();
    let from = 0;
    for (const [element, next] of blocks(lines)) {
      if (element) place.append(element);
      if (next >= lines.length - 1) continue; // the line that ends it is not complete
      settled += lines.slice(from, next).join("\n").length + 1;
      from = next;
      if (element) kept += 1;
    }
  };
}

/** [element or null, the line after it] of each block. */
function blocks(lines) {
  const found = [];
  for (let at = 0; at < lines.length; at = found.at(-1)[1]) found.push(block(lines, at));
  return found;
}

/** [the block that begins in this line, or null for an empty one; the line after it]. */
function block(lines, at) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = line.match(FENCE);
  if (fence) return code(lines, at + 1, fence[1]);
  const heading = line.match(HEADING);
  if (heading) return [el("p", { class: "heading" }, ...inline(heading[2])), at + 1];
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (ITEM.test(line)) return list(lines, at);
  if (QUOTE.test(line)) {
    const end = past(lines, at, (one) => QUOTE.test(one));
    const quoted = lines.slice(at, end).map((one) => one.match(QUOTE)[1]);
    return [el("blockquote", {}, ...markdown(quoted.join("\n"))), end];
  }
  const end = past(lines, at, (one) => one.trim() && !FENCE.test(one) && !HEADING.test(one) && !ITEM.test(one));
  return [el("p", {}, ...inline(lines.slice(at, end).join("\n"))), end];
}

/** The first line after `at` that `goesOn` does not hold for. */
function past(lines, at, goesOn) {
  let end = at + 1;
  while (end < lines.length && goesOn(lines[end])) end += 1;
  return end;
}

function code(lines, at, fence) {
  let end = at;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  return [el("pre", { tabindex: "0" }, el("code", {}, lines.slice(at, end).join("\n"))), end + 1];
}

/** Items until an empty line; lines that are no items belong to the one above. */
function list(lines, at) {
  const end = past(lines, at, (line) => line.trim() && !FENCE.test(line));
  const items = [];
  for (const line of lines.slice(at, end)) {
    const item = line.match(ITEM);
    if (item) items.push(item[2]);
    else items[items.length - 1] += `\n${line.trim()}`;
  }
  const number = lines[at].match(ITEM)[1];
  const made = items.map((item) => el("li", {}, ...inline(item)));
  return [number === undefined ? el("ul", {}, ...made) : el("ol", { start: number }, ...made), end];
}

const INLINE = /`([^`\n]+)`|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/;

/** Code, bold, italic, and links to other sites, whose address is shown by the browser before it is followed. */
function inline(text) {
  const made = [];
  let rest = text;
  for (let found = rest.match(INLINE); found; found = rest.match(INLINE)) {
    const [whole, verbatim, bold, strong, italic, label, address] = found;
    if (found.index) made.push(rest.slice(0, found.index));
    if (verbatim !== undefined) made.push(el("code", {}, verbatim));
    else if (label !== undefined) made.push(el("a", { href: address, rel: "noreferrer noopener", target: "_blank" }, label));
    else if (italic !== undefined) made.push(el("em", {}, ...inline(italic)));
    else made.push(el("strong", {}, ...inline(bold ?? strong)));
    rest = rest.slice(found.index + whole.length);
  }
  if (rest) made.push(rest);
  return made;
}
