// CSV as text: the first rows of a file, for a preview (the service itself reads files), and tables written out.

function decode(bytes) {
  if ([0xfeff, 0xfffe].includes((bytes[0] << 8) | bytes[1])) return new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("gb18030").decode(bytes);
  }
}

function cells(line, separator) {
  const found = [""];
  let quoted = false;
  for (const letter of line) {
    if (letter === '"') quoted = !quoted;
    if (letter === separator && !quoted) found.push("");
    else found[found.length - 1] += letter;
  }
  return found.map((cell) => cell.trim().replace(/^"(.*)"$/, "$1").replaceAll('""', '"'));
}

// The column names and the first rows of a file.
export async function head(file, rows) {
  const text = decode(new Uint8Array(await file.slice(0, 1 << 16).arrayBuffer()));
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim()).slice(0, rows + 1);
  const separator = [",", ";", "\t", "|"].map((mark) => [cells(lines[0] ?? "", mark).length, mark]).sort(([a], [b]) => b - a)[0][1];
  const [names = [], ...first] = lines.map((line) => cells(line, separator));
  return { names, rows: first };
}

const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
export const write = (rows) => rows.map((row) => row.map((value) => quoted(String(value ?? ""))).join(",")).join("\r\n") + "\r\n";
