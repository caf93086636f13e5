// The card of the forecast: what is asked for, drawn, said, and refused. One chart at a time: what a model makes of its
// own newest rows, or of a file; another model's or version's forecast may lie over it.
import { Chart } from "./chart.js";
import { $, element, fill } from "./dom.js";
import { forecast, naive, observed, table } from "./lines.js";
import { badge, sentence } from "./models.js";
import { SeriesChoice } from "./series.js";
import { ask } from "./service.js";
import { forecasters, modelNamed, page } from "./state.js";
import { number, reader, say, steps } from "./words.js";

// Where a forecast begins: `request(model, query)` is what is asked of the service; files have names, and all their series
// come in one answer.
export const FITTED = {
  request: (model, query) => ({ path: `/models/${encodeURIComponent(model.name)}/forecast?${query}` }),
};

const view = { source: FITTED, answer: null, other: null, waiting: null };
const earlier = new Map(); // answers by source, model and series, then by version
let chart, choice, asked = 0;

export const request = () => view.source.request(page.model, query());
// The chosen series, as it was fitted on or as a file has it.
export const chosen = () => view.answer && { ...one(view.answer), ...(single() ? {} : { series: undefined }) };

const single = () => view.source === FITTED;

// Everything that a request says of interval and series.
function query() {
  const parts = new URLSearchParams();
  if ($("level").value) parts.set("level", $("level").value);
  if (single() && choice.value) parts.set("series", choice.value);
  return parts;
}

function problem(text = "") {
  $("problem").textContent = text;
}

function clear() {
  view.answer = view.waiting = null;
  chart.clear();
  for (const id of ["said", "numbers"]) $(id).replaceChildren();
  $("drawn").hidden = true;
}

// Do some work of this card; what goes wrong is said at its top, and nothing old stays below it.
export async function tried(work) {
  problem();
  try {
    await work();
  } catch (error) {
    clear();
    problem(error.message);
  }
}

const answerOf = (model) => ask(view.source.request(model, query()));

// What each version of the chosen model answered to the question that is asked now.
function versions() {
  const key = JSON.stringify([view.source.key, page.model.name, single() ? choice.value : ""]);
  if (!earlier.has(key)) earlier.set(key, new Map());
  return earlier.get(key);
}

// A file that cannot be forecast yet: what it lacks is said, and nothing old stays below it.
export function wait(key, file) {
  asked += 1;
  clear();
  view.waiting = [key, file];
  problem(say(key, page.model));
  $("source").textContent = `${say("ofModel", page.model)} · ${say("ofFile", { name: file })}`;
}

// Ask for the forecast and draw it; an answer that comes after the next question is dropped.
export async function refresh() {
  const model = page.model, turn = ++asked;
  if (model.kind !== "table") return name();
  const answer = await answerOf(model);
  if (turn !== asked) return;
  const names = single() ? answer.series : answer.forecasts.map((one) => one.series);
  choice.offer(names.filter((one) => one !== null && one !== undefined), single() ? model.series : names.length);
  view.answer = answer;
  versions().set(answer.version, answer);
  await compare();
}

// The forecast that is laid over the first, if one is chosen.
export async function compare() {
  offerOthers();
  view.other = null;
  const [kind, chosen] = $("compare").value.split(":", 2), turn = asked;
  if (kind === "version") view.other = { name: say("version", { version: chosen }), model: page.model, answer: versions().get(chosen) };
  if (kind === "model") {
    const model = modelNamed(chosen), answer = await answerOf(model);
    if (turn !== asked) return;
    view.other = { name: chosen, model, answer };
  }
  draw();
}

// What may be laid over: other models of the same target, and versions of this model that were drawn before.
function offerOthers() {
  const others = forecasters().filter((model) => model !== page.model && model.roles.targets.includes(target()));
  const old = [...versions().keys()].filter((version) => version !== view.answer?.version);
  const values = ["", ...others.map((model) => `model:${model.name}`), ...old.map((version) => `version:${version}`)];
  fill($("compare"), values, [say("none"), ...others.map((model) => model.name), ...old.map((version) => say("version", { version }))]);
  $("compare-label").hidden = values.length < 2;
}

const target = () => $("target").value || page.model.roles.targets[0];
const outputOf = (model) => model.outputs[model.roles.targets.indexOf(target())];

// The chosen series of an answer.
function one(answer) {
  return answer.forecasts.find((each) => !single() && String(each.series ?? "") === choice.value) || answer.forecasts[0];
}

export function lines() {
  const first = one(view.answer), level = $("level").value;
  const drawn = [observed(first, target(), $("past").value)];
  if (!first.times.length) return drawn;
  drawn.push(forecast(first, target(), outputOf(page.model), level));
  if (view.other) {
    const line = forecast(one(view.other.answer), target(), outputOf(view.other.model), "");
    drawn.push({ ...line, kind: "compared", name: `${line.name} (${view.other.name})`, label: say("forecastOf", { name: view.other.name }) });
  }
  return [...drawn, naive(first, target())].filter(Boolean);
}

// Which model, series and file this is of.
export function naming() {
  const parts = [say("ofModel", page.model)];
  if (choice.value) parts.push(say("ofSeries", { name: choice.value }));
  if (page.model.roles.targets.length > 1) parts.push(say("ofTarget", { name: target() }));
  const { table, ahead } = view.source;
  parts.push(table ? say("ofFile", table) : say("ofFit"));
  if (ahead) parts.push(say("ofAhead", ahead));
  return parts.join(" · ");
}

// Whose forecast this is, and how good its model was; of a model without a table, why nothing is drawn.
function name() {
  const { model } = page, drawn = model.kind === "table";
  $("card").classList.toggle("bare", !drawn);
  $("source").textContent = drawn ? naming() : say("ofModel", model);
  $("verdict").replaceChildren(...(drawn ? [badge(model), ` ${sentence(model)}`] : [say(model.kind === "arrays" ? "arrays" : "otherTask", model)]));
}

export function draw({ keep = false } = {}) {
  if (!view.answer) return;
  const first = one(view.answer), all = lines(), output = outputOf(page.model);
  name();
  $("drawn").hidden = false;
  $("command").hidden = true; // it asked for what was drawn before
  $("copied").textContent = "";
  chart.draw(all, { keep });
  const read = reader([...first.history.times, ...first.times]);
  const ahead = { steps: steps(first.times.length), last: read(first.history.times.at(-1)), first: read(first.times[0]) };
  $("said").textContent = first.times.length ? say("said", { ...ahead, value: number(first.columns[output][0]) }) : say("ahead");
  const [heading, ...rows] = table(all.slice(1), page.model.roles.time ?? say("time")), made = element("table");
  made.append(element("tr", {}, ...heading.map((textContent) => element("th", { textContent, scope: "col" }))));
  for (const [time, ...values] of rows) {
    made.append(element("tr", {}, ...[read(time), ...values.map(number)].map((textContent) => element("td", { textContent }))));
  }
  $("numbers").replaceChildren(made);
}

// The choices that belong to a model.
export function choose(model) {
  page.model = model;
  clear();
  const levels = model.levels || [], targets = model.roles?.targets || [];
  fill($("level"), ["", ...levels], [say("none"), ...levels.map((level) => `${level} %`)]);
  $("level").value = levels[0] ?? "";
  $("level-label").hidden = !levels.length;
  fill($("target"), targets);
  $("target-label").hidden = targets.length < 2;
  return use(FITTED);
}

// Forecast what follows this source.
export function use(source) {
  view.source = source;
  choice.offer([]);
  clear();
  name();
  return tried(refresh);
}

// All texts again, after the language has changed.
export function again() {
  const lengths = ["", "50", "100", "200", "all"];
  fill($("past"), lengths, lengths.map((length) => ({ "": say("automatic"), all: say("allRows") })[length] ?? steps(Number(length))));
  if (!page.model) return;
  if ($("level").options.length) $("level").options[0].textContent = say("none");
  name();
  if (view.waiting) wait(...view.waiting);
  if (view.answer) offerOthers(), draw({ keep: true });
}

export function begin() {
  chart = new Chart("chart", 320);
  choice = new SeriesChoice(() => tried(single() ? refresh : compare));
  $("level").addEventListener("change", () => tried(refresh));
  $("compare").addEventListener("change", () => tried(compare));
  $("target").addEventListener("change", () => tried(compare));
  $("past").addEventListener("change", () => draw());
  const moves = { "zoom-in": () => chart.zoom(0.5), "zoom-out": () => chart.zoom(2), back: () => chart.pan(-0.25), on: () => chart.pan(0.25), reset: () => chart.reset() };
  for (const [id, move] of Object.entries(moves)) $(id).addEventListener("click", move);
  return chart;
}
