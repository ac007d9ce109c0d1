// The caller's API key, where the server asks for one: kept for as long as the tab is open, and sent with every call.

const PLACE = "daylight-key";

export const keep = (key) => sessionStorage.setItem(PLACE, key);
export const forget = () => sessionStorage.removeItem(PLACE);

/** Headers for fetch: the key, or nothing. */
export function keyHeader() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { "X-API-Key": key } : {};
}
