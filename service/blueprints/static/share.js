// What was typed stands in the address, after the #: it survives a reload, and a link shares it. The server never sees it.

const LONGEST = 8000; // characters; what is longer is not kept

/** What the address holds under a name, or null. */
export function kept(name) {
  try {
    return JSON.parse(new URLSearchParams(location.hash.slice(1)).get(name));
  } catch {
    return null;
  }
}

/** Keep a value in the address; null takes it away. */
export function keep(name, value) {
  const text = value === null ? "" : new URLSearchParams([[name, JSON.stringify(value)]]).toString();
  const hash = text.length > LONGEST ? "" : text;
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}
