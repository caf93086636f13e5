// What is drawn, to take away: as CSV, as a picture, as the command that asks the service for it.
import { $, element } from "./dom.js";
import { write } from "./csv.js";
import { lines, naming, request } from "./forecast.js";
import { table } from "./lines.js";
import { page } from "./state.js";
import { say } from "./words.js";

function save(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = (ending) => `${[page.model.name, $("series").value].filter(Boolean).join("-").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${ending}`;

function saveTable() {
  const text = write(table(lines(), page.model.roles.time ?? "step"));
  save(fileName("csv"), new Blob(["\ufeff", text], { type: "text/csv" })); // the mark lets Excel read it as UTF-8
}

const savePicture = (chart) => chart.picture(naming()).toBlob((blob) => save(fileName("png"), blob), "image/png");

const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// The command for a POSIX shell; a token stays out of it.
export function command({ path, headers = {}, files = [] }, token) {
  const parts = ["curl"];
  if (token) parts.push('-H "Authorization: Bearer $TOKEN"');
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quote(`${name}: ${value}`)}`);
  for (const [name, file] of files) parts.push(name ? `-F ${quote(`${name}=@${file}`)}` : `--data-binary ${quote(`@${file}`)}`);
  return [...parts, quote(new URL(path, location.href).href)].join(" ");
}

async function copy() {
  const text = command(request(), sessionStorage.getItem("token"));
  $("command").textContent = text;
  $("command").hidden = false;
  // A page that was not loaded over HTTPS or from this machine may not write to the clipboard; the text can be selected.
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
  $("copied").textContent = say(copied ? "copied" : "notCopied");
}

export function begin(chart) {
  $("save-table").addEventListener("click", saveTable);
  $("save-picture").addEventListener("click", () => savePicture(chart));
  $("copy").addEventListener("click", copy);
}
