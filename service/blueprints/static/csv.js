// CSV as spreadsheet programs write it: read with whatever separates its cells, written with commas.

const SEPARATORS = [",", ";", "\t", "|"];

/** { header, rows, separator }: texts; empty lines are left out. */
export function readCsv(text) {
  const separator = separatorOf(text);
  const [header = [], ...rows] = records(text.replace(/^\ufeff/, ""), separator);
  return { header, rows, separator };
}

/** What most often separates the names in the first line. */
function separatorOf(text) {
  const [line] = text.split(/\r?\n/, 1);
  const counts = SEPARATORS.map((separator) => line.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))];
}

function records(text, separator) {
  const found = [];
  let record = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    record.push(cell);
    if (record.length > 1 || record[0] !== "") found.push(record);
    [record, cell] = [[], ""];
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === separator) {
      record.push(cell);
      cell = "";
    } else if (letter === "\n") end();
    else if (letter !== "\r" || text[at + 1] !== "\n") cell += letter;
  }
  if (cell !== "" || record.length) end();
  return found;
}

/** Rows of texts as CSV. */
export const writeCsv = (rows) => rows.map((row) => `${row.map(written).join(",")}\r\n`).join("");

const written = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** A text that a spreadsheet program would compute as a formula, as one that it shows. */
export const unlikeFormula = (text) => (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);

/** `1.234,50` of a file with decimal commas as all others write it. */
export const withPoint = (text) => (/^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$/.test(text) ? text.replaceAll(".", "").replace(",", ".") : text);
