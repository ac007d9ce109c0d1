// JSON values as the source text of a shell command and of Python.

export const pretty = (value) => JSON.stringify(value, null, 2);

/** Text as it stands between the single quotes of a shell. */
export const shell = (text) => text.replaceAll("'", "'\\''");

/** A JSON value as Python source, `depth` levels deep in the code around it. */
export function python(value, depth = 0) {
  const margin = "    ".repeat(depth + 1);
  const outer = "    ".repeat(depth);
  if (Array.isArray(value)) return `[${value.map((item) => python(item, depth)).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const cells = Object.entries(value).map(([key, item]) => [JSON.stringify(key), python(item, depth + 1)]);
    const lines = cells.map(([key, cell]) => `${margin}${key}: ${cell},\n`);
    return lines.length ? `{\n${lines.join("")}${outer}}` : "{}";
  }
  return { true: "True", false: "False", null: "None" }[String(JSON.stringify(value))] ?? JSON.stringify(value);
}
