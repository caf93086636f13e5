// A file of the user's: its first rows, which of its columns are the model's, and what is known ahead.
import { head } from "./csv.js";
import { $, element } from "./dom.js";
import { FITTED, use, wait } from "./forecast.js";
import { page } from "./state.js";
import { say } from "./words.js";

const PREVIEW = 5; // rows
let table = null, ahead = null, read = null, number = 0;

// The columns that the model wants, by what they are for.
function wanted({ time, id, targets, past, future, static: constant }) {
  const many = (key, names) => names.map((name) => [name, say(key, { name })]);
  return [
    ...(time ? [[time, say("role.time", { name: time })]] : []),
    ...(id ? [[id, say("role.id", { name: id })]] : []),
    ...many("role.target", targets), ...many("role.past", past), ...many("role.future", future), ...many("role.static", constant),
  ];
}

function select(name, label) {
  const names = read.names, same = names.find((own) => own === name) ?? names.find((own) => own.toLowerCase() === name.toLowerCase());
  const made = element("select", { className: "role" }, new Option("–", ""), ...names.map((own) => new Option(own, own)));
  made.dataset.column = name;
  made.value = same ?? "";
  return element("label", {}, `${label} `, made);
}

function preview() {
  const made = element("table"), shade = (names) => names.map((textContent) => element("th", { textContent, scope: "col" }));
  made.append(element("tr", {}, ...shade(read.names)));
  for (const row of read.rows) made.append(element("tr", {}, ...row.map((textContent) => element("td", { textContent }))));
  $("preview").replaceChildren(made);
  $("roles").replaceChildren(...wanted(page.model.roles).map(([name, label]) => select(name, label)));
  $("preview-title").textContent = say("preview", { name: table.name });
}

const chosen = () => [...document.querySelectorAll("#roles select")];

// What asks for the forecast of a table, with what is known ahead; without a table the model's own rows are continued.
function request(source, model, query) {
  const asked = new URLSearchParams(query), files = { table: source.table, future: source.ahead };
  asked.set("model", model.name);
  asked.set("history", "true");
  if (source.columns.length) asked.set("columns", JSON.stringify(Object.fromEntries(source.columns)));
  const path = `/predict/csv?${asked}`, names = Object.entries(files).filter(([, file]) => file).map(([part, file]) => [part, file.name]);
  if (!source.ahead) return { path, method: "POST", body: source.table, headers: { "content-type": "text/csv" }, files: [["", source.table.name]] };
  const body = new FormData();
  for (const [part] of names) body.set(part, files[part]);
  return { path, method: "POST", body, files: names };
}

// Forecast what follows the files as they are chosen now.
function forecast() {
  const columns = table ? chosen().map((select) => [select.dataset.column, select.value]).filter(([name, own]) => own && own !== name) : [];
  const source = { key: ++number, table, ahead, columns };
  $("own-rows").hidden = false;
  return use({ ...source, request: (model, query) => request(source, model, query) });
}

// Take a file up: show what it holds, and forecast it at once where every column that the model wants is plain.
async function take(file) {
  if (page.model.kind !== "table") return; // the card says why
  table = file;
  read = await head(file, PREVIEW);
  preview();
  $("file-panel").hidden = $("own-rows").hidden = false;
  const plain = chosen().every((select) => select.value) && (ahead || !page.model.known_ahead.length);
  $("file-panel").open = !plain;
  if (plain) await forecast();
  else wait(page.model.known_ahead.length && !ahead ? "aheadFirst" : "chooseColumns", file.name);
}

// Back to the model's own rows, as after a model was chosen.
export function reset() {
  table = ahead = read = null;
  $("file").value = $("ahead").value = "";
  $("file-panel").hidden = $("own-rows").hidden = true;
  $("ahead-label").hidden = !page.model?.known_ahead?.length;
}

// All texts again, after the language has changed.
export function again() {
  if (!table) return;
  const before = chosen().map((select) => select.value);
  preview();
  chosen().forEach((select, i) => (select.value = before[i]));
}

export function start() {
  $("file").addEventListener("change", () => $("file").files.length && take($("file").files[0]));
  $("ahead").addEventListener("change", () => {
    ahead = $("ahead").files[0] ?? null;
    if (ahead) forecast();
  });
  $("use-file").addEventListener("click", () => forecast());
  $("own-rows").addEventListener("click", () => {
    reset();
    use(FITTED);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
    });
  }
}
