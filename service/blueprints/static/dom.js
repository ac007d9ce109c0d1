// The few things the page does to its own elements. Whatever comes from a model enters as text, never as markup.

export const one = (root, selector) => root.querySelector(selector);
export const all = (root, selector) => [...root.querySelectorAll(selector)];

/** An element: el("p", { class: "time" }, "3 ms"). Children are elements or text; null ones are left out. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The same for a part of a picture: drawn("line", { x1: 0 }). */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Say what is wrong with a field, at the field, which is unfolded for it; an empty message takes it back. */
export function markFault(field, message) {
  const control = one(field, "input, select, textarea");
  const fault = one(field, ".fault");
  fault.textContent = message;
  fault.hidden = !message;
  if (!message) return control.removeAttribute("aria-invalid");
  control.setAttribute("aria-invalid", "true");
  const folded = field.closest("details");
  if (folded) folded.open = true; // what is folded can have no focus
}

export function clearFaults(form) {
  for (const field of all(form, ".field")) markFault(field, "");
}

/** Bring the first field with a fault before the user. */
export function focusFault(form) {
  one(form, "[aria-invalid]")?.focus();
}

/** A number as people read it: four significant digits, but never fewer than before the point; years stay years. */
export function shown(value) {
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return String(Number(value.toPrecision(4)));
  if (size >= 10000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
}
