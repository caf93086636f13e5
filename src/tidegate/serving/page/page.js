// The page: shows the models, draws a forecast, takes a CSV, watches a stream. Its texts are in words/<language>.json.
"use strict";

const $ = (id) => document.getElementById(id);
const page = {
  language: localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en"),
  models: [], model: null, shown: null, charts: {}, timer: null, live: null,
};
const words = {}; // of each language, once it was chosen
const say = (key, values = {}) => words[page.language][key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (value) => (value === null ? "–" : Number(value.toPrecision(5)).toLocaleString(document.documentElement.lang));

async function ask(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...(options.headers || {}), ...(token ? { authorization: `Bearer ${token}` } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Error(say("unreachable"));
  }
  if (answer.status === 401) $("token-form").hidden = false;
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

// A time as seconds, and back; step numbers stay what they are.
function axis(times) {
  const dates = typeof times[0] === "string";
  const numbers = times.map((time) => (dates ? Date.parse(/Z|[+-]\d\d:\d\d$/.test(time) ? time : time + "Z") / 1000 : time));
  return { dates, numbers };
}

const readable = (time) => (typeof time === "string" ? time.replace("T", " ").replace(/:00(?=$|Z|[+-])/, "") : String(time));

// Observed values and forecast as uPlot wants them: one row of x, then observed, low, high, forecast.
function lay(history, forecast, target, level) {
  const x = axis([...history.times, ...forecast.times]);
  const before = history.times.length, after = forecast.times.length;
  const name = Object.keys(forecast.columns).find((key) => !/-(lo|hi)-[\d.]+$/.test(key));
  const pick = Object.keys(history.columns).length > 1
    ? Object.keys(forecast.columns).find((key) => key.endsWith(`-${target}`)) : name;
  const seen = history.columns[target], last = seen[before - 1];
  const ahead = (key) => [...Array(Math.max(0, before - 1)).fill(null), ...(before ? [last] : []), ...(forecast.columns[key] || Array(after).fill(null))];
  const rows = [x.numbers, [...seen, ...Array(after).fill(null)]];
  const banded = level && forecast.columns[`${pick}-lo-${level}`];
  if (banded) rows.push(ahead(`${pick}-lo-${level}`), ahead(`${pick}-hi-${level}`));
  rows.push(ahead(pick));
  return { rows, dates: x.dates, banded, name: pick, after };
}

// Ticks as 24-hour times, with the date below the first one and each that begins a day.
function dates(u, ticks) {
  const stamps = ticks.map((tick) => new Date(tick * 1000).toISOString());
  const clocks = ticks.some((tick) => tick % 86400), years = ticks.length > 1 && ticks[1] - ticks[0] >= 27 * 86400;
  return stamps.map((stamp, i) => {
    if (years) return stamp.slice(0, 7);
    const day = stamp.slice(5, 10);
    if (!clocks) return day;
    return i && stamps[i - 1].slice(5, 10) === day ? stamp.slice(11, 16) : `${stamp.slice(11, 16)}\n${day}`;
  });
}

function draw(place, data, height) {
  page.charts[place]?.destroy();
  const ink = colour("--faint"), grid = { stroke: colour("--grid"), width: 1 }, font = "12px system-ui, sans-serif";
  const warm = colour("--warm"), value = (u, v) => (v === null || v === undefined ? "–" : short(v));
  const series = [{ label: say("time") }, { label: say("observed"), stroke: colour("--accent"), width: 1.5, value, points: { show: false } }];
  if (data.banded) {
    for (const edge of ["low", "high"]) series.push({ label: say(edge), stroke: "transparent", value, points: { show: false } });
  }
  series.push({ label: data.name ? say("forecastOf", data) : say("forecast"), stroke: warm, width: 2, value, points: { show: false } });
  if (data.dates) series[0].value = (u, v) => (v === null || v === undefined ? "–" : new Date(v * 1000).toISOString().slice(0, 16).replace("T", " "));
  page.charts[place] = new uPlot({
    width: $(place).clientWidth, height, series, pxAlign: 0,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "UTC"),
    scales: { x: { time: data.dates } },
    bands: data.banded ? [{ series: [3, 2], fill: colour("--band") }] : [],
    axes: [{ stroke: ink, grid, ticks: grid, font, values: data.dates ? dates : (u, ticks) => ticks.map(String) }, { stroke: ink, grid, ticks: grid, font, size: 70, values: (u, ticks) => ticks.map((v) => v.toLocaleString(document.documentElement.lang)) }],
  }, data.rows, (chart, begin) => { $(place).replaceChildren(chart.root); begin(); });
  $(place).setAttribute("aria-label", say("chart"));
}

// As much of the history as leaves the forecast large enough to see.
function newest(history, steps) {
  const count = steps ? Math.max(60, 24 * steps) : history.times.length;
  const columns = Object.entries(history.columns).map(([name, values]) => [name, values.slice(-count)]);
  return { times: history.times.slice(-count), columns: Object.fromEntries(columns) };
}

function show() {
  const { answer, source } = page.shown;
  const chosen = Math.max(0, answer.forecasts.findIndex((one) => String(one.series) === $("series").value));
  const one = answer.forecasts[chosen], target = Object.keys(one.history.columns)[0], level = $("level").value;
  $("source").textContent = source();
  draw("chart", lay(newest(one.history, one.times.length), one, target, level), 320);
  const names = Object.keys(one.columns), last = one.history.times.at(-1);
  $("said").textContent = one.times.length
    ? say("said", { count: one.times.length, last: readable(last), first: readable(one.times[0]), value: short(one.columns[names[0]][0]) })
    : say("ahead");
  const head = document.createElement("tr"), table = document.createElement("table");
  for (const name of [say("time"), ...names]) head.append(Object.assign(document.createElement("th"), { textContent: name, scope: "col" }));
  table.append(head);
  one.times.forEach((time, i) => {
    const row = table.insertRow();
    row.insertCell().textContent = readable(time);
    for (const name of names) row.insertCell().textContent = short(one.columns[name][i]);
  });
  $("numbers").replaceChildren(table);
}

function fill(select, values, texts = values) {
  const before = select.value;
  select.replaceChildren(...values.map((value, i) => new Option(texts[i], value)));
  if (values.map(String).includes(before)) select.value = before;
}

const levels = () => ($("level").value ? `&level=${$("level").value}` : "");

async function forecast() {
  const model = page.model;
  $("problem").textContent = "";
  if (model.kind !== "table") {
    $("source").textContent = say(model.kind === "arrays" ? "arrays" : "otherTask", model);
    $("chart").replaceChildren();
    return;
  }
  const series = $("series").value ? `&series=${encodeURIComponent($("series").value)}` : "";
  const answer = await ask(`/models/${model.name}/forecast?${levels()}${series}`);
  const named = answer.series.filter((name) => name !== null);
  fill($("series"), named.slice(0, 200));
  $("series-label").hidden = named.length < 2;
  answer.forecasts[0].series = $("series").value;
  page.shown = { answer, source: () => say("fitted", model), again: forecast };
  show();
}

async function take(file) {
  $("problem").textContent = "";
  const send = async () => {
    const path = `/predict/csv?history=true&model=${page.model.name}${levels()}`;
    const answer = await ask(path, { method: "POST", body: file, headers: { "content-type": "text/csv" } });
    const named = answer.forecasts.map((one) => one.series).filter((name) => name !== undefined);
    fill($("series"), named);
    $("series-label").hidden = named.length < 2;
    page.shown = { answer, source: () => say("ofFile", { name: file.name }), again: send, local: true };
    show();
  };
  await send();
}

const tried = (work, place = "problem") => Promise.resolve().then(work).catch((error) => { $(place).textContent = error.message; });

function choose(model) {
  stop();
  page.model = model;
  for (const button of $("models").children) button.setAttribute("aria-pressed", String(button.dataset.name === model.name));
  for (const button of $("models").children) button.classList.toggle("chosen", button.dataset.name === model.name);
  const levels = model.levels || [];
  fill($("level"), ["", ...levels], [say("none"), ...levels.map((level) => `${level} %`)]);
  $("level").value = levels[0] ?? "";
  $("level-label").hidden = !levels.length;
  fill($("series"), []);
  tried(forecast);
}

function list() {
  $("models").replaceChildren(...page.models.map((model) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "model" });
    button.dataset.name = model.name;
    button.append(Object.assign(document.createElement("b"), { textContent: model.name }));
    for (const text of [model.cell ? say("about", { ...model, cell: model.cell.toUpperCase() }) : model.kind, say("version", model)]) button.append(Object.assign(document.createElement("span"), { textContent: text }));
    button.addEventListener("click", () => choose(model));
    return button;
  }));
}

// The live stream: `seen` holds what was drawn; a second's picture replaces it when another program pushes.
function moving(answer, seen) {
  const times = seen.times, target = page.model.columns[0];
  const next = answer.forecast || { times: [], columns: {} };
  const names = Object.keys(next.columns);
  draw("live", lay({ times, columns: { [target]: seen.values } }, next, target, ""), 240);
  const time = answer.time === null ? answer.count - 1 : readable(answer.time);
  $("beat").textContent = names.length
    ? say("beat", { count: answer.count, time, next: short(next.columns[names[0]][0]) }) : say("beatNeeds", answer);
}

function stop() {
  clearTimeout(page.timer);
  page.timer = null;
  for (const [id, word] of [["watch", "watch"], ["play", "play"]]) {
    $(id).classList.remove("on");
    $(id).textContent = say(word);
  }
}

function begin(id, step, pause) {
  stop();
  $("trouble").textContent = "";
  $(id).classList.add("on");
  $(id).textContent = say("stop");
  const turn = async () => {
    try {
      await step();
      if (page.timer !== null) page.timer = setTimeout(turn, pause);
    } catch (error) {
      stop();
      $("trouble").textContent = error.message;
    }
  };
  page.timer = 0;
  turn();
}

function watch() {
  const name = $("stream").value.trim();
  if (!name) throw new Error(say("noStream"));
  begin("watch", async () => {
    const answer = await ask(`/streams/${encodeURIComponent(name)}`);
    const times = answer.times || answer.history.map((row, i) => answer.count - answer.history.length + i);
    if (!answer.times && answer.forecast) answer.forecast.times = answer.forecast.times.map((step) => answer.count + step);
    moving(answer, { times, values: answer.history.map((row) => row[0]) });
  }, 1000);
}

async function play() {
  const model = page.model, shown = page.shown, file = shown?.local && shown.answer;
  const answer = file || (await ask(`/models/${model.name}/forecast?`));
  const rows = answer.forecasts[0].history, columns = model.columns.map((name) => rows.columns[name]);
  if (columns.some((column) => !column)) throw new Error(say("ahead"));
  const row = (i) => columns.map((column) => column[i]);
  const name = `page-${Math.random().toString(36).slice(2, 8)}`, seen = { times: [], values: [] };
  const count = rows.times.length, spare = count - model.needed;
  let at = spare >= 0 ? model.needed - 1 : 0;
  $("stream").value = name;
  begin("play", async () => {
    // A file has more rows than the model needs; the model's own rows are played there and back.
    const lap = Math.floor(at / count), i = lap % 2 ? count - 1 - (at % count) : at % count;
    const body = { model: model.name, values: row(i) };
    if (lap === 0) body.time = rows.times[i];
    if (at && !seen.times.length) {
      body.history = { values: rows.times.slice(0, at).map((time, k) => row(k)), start: rows.times[0] };
      seen.times = rows.times.slice(Math.max(0, at - 100), at), seen.values = columns[0].slice(Math.max(0, at - 100), at);
    }
    const options = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const reply = await ask(`/streams/${name}`, options);
    seen.times.push(reply.time), seen.values.push(columns[0][i]);
    if (seen.times.length > 150) seen.times.shift(), seen.values.shift();
    moving(reply, seen);
    at += 1;
    if (spare > 10 && at === count) stop();
  }, 120);
}

async function speak(language) {
  words[language] ??= await (await fetch(`/page/words/${language}.json`)).json();
  page.language = language;
  localStorage.setItem("language", language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  const other = language === "zh" ? "en" : "zh";
  Object.assign($("language"), { textContent: other === "zh" ? "中文" : "English", lang: other === "zh" ? "zh-CN" : "en" });
  const playing = page.timer !== null;
  list();
  for (const button of $("models").children) button.classList.toggle("chosen", button.dataset.name === page.model?.name);
  if (playing) stop();
  if (page.shown) show();
}

async function start() {
  page.models = (await ask("/models")).models;
  $("token-form").hidden = true;
  list();
  choose(page.models[0]);
  if (!page.models.some((model) => model.columns)) return; // no forecaster, so no streams
  const streams = (await ask("/streams")).streams;
  $("streams").replaceChildren(...streams.map((name) => new Option(name)));
}

document.addEventListener("DOMContentLoaded", async () => {
  await speak(page.language);
  $("language").addEventListener("click", () => tried(() => speak(page.language === "zh" ? "en" : "zh")));
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("token", $("token").value);
    tried(start);
  });
  $("level").addEventListener("change", () => tried(page.shown?.again || forecast));
  $("series").addEventListener("change", () => tried(page.shown?.local ? show : forecast));
  $("file").addEventListener("change", () => $("file").files.length && tried(() => take($("file").files[0])));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      $("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) tried(() => take(event.dataTransfer.files[0]));
    });
  }
  $("watch").addEventListener("click", () => ($("watch").classList.contains("on") ? stop() : tried(watch, "trouble")));
  $("play").addEventListener("click", () => ($("play").classList.contains("on") ? stop() : tried(play, "trouble")));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.shown && show());
  addEventListener("resize", () => {
    for (const [place, chart] of Object.entries(page.charts)) chart.setSize({ width: $(place).clientWidth, height: chart.height });
  });
  tried(start);
});
