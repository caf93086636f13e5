// The card of streams: which there are, one of them as it moves, or the rows drawn above played into a new one.
import { Chart } from "./chart.js";
import { $, element } from "./dom.js";
import { chosen } from "./forecast.js";
import { forecast, observed } from "./lines.js";
import { ask, post } from "./service.js";
import { modelNamed, page } from "./state.js";
import { counted, number, reader, say } from "./words.js";

const SEEN = 150; // observations that are drawn at most
let chart, running = null, told = null;

// Draw and say what a stream answered; `times` and `values` are its newest rows.
function tell(answer, times, values) {
  told = [answer, times, values];
  const model = modelNamed(answer.model), next = answer.forecast || { times: [], columns: {} };
  const target = model.columns[0], one = { ...next, history: { times, columns: { [target]: values } } };
  const lines = [observed(one, target, "all")];
  if (next.times.length) lines.push(forecast(one, target, model.outputs[0], model.levels[0]));
  chart.draw(lines);
  const time = answer.time === null ? answer.count - 1 : reader(times)(answer.time);
  const count = counted(answer.count, "observations.one", "observations.many");
  const needed = counted(answer.needed, "observations.one", "observations.many");
  const key = next.times.length ? "beat" : answer.needed ? "beatNeeds" : "beatOnly";
  $("beat").textContent = say(key, { count, time, needed, next: next.times.length && number(next.columns[model.outputs[0]][0]) });
}

// Nothing of a stream that is no longer watched stays on the page.
export function clear() {
  stop();
  told = null;
  chart.clear();
  $("beat").textContent = $("trouble").textContent = "";
}

function stop() {
  clearTimeout(running?.timer);
  running = null;
  label();
}

function label() {
  for (const id of ["watch", "play"]) {
    $(id).classList.toggle("on", running?.id === id);
    $(id).textContent = say(running?.id === id ? "stop" : id);
  }
  for (const button of $("streams").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(running !== null && button.textContent === $("stream").value));
  }
}

// Do a step again and again until it is stopped; an answer that comes after that is dropped.
function begin(id, step, pause) {
  clear();
  const run = (running = { id });
  label();
  const turn = async () => {
    try {
      const answer = await step();
      if (running !== run) return;
      tell(...answer);
      run.timer = setTimeout(turn, pause);
    } catch (error) {
      if (running !== run) return;
      clear();
      $("trouble").textContent = error.message;
    }
  };
  turn();
}

function watch(name) {
  const path = `/streams/${encodeURIComponent(name)}`;
  let level;
  begin("watch", async () => {
    if (level === undefined) level = modelNamed((await ask(path)).model)?.levels[0] ?? "";
    const answer = await ask(level ? `${path}?level=${level}` : path);
    const times = answer.times || answer.history.map((row, i) => answer.count - answer.history.length + i);
    if (!answer.times && answer.forecast) answer.forecast.times = answer.forecast.times.map((step) => answer.count + step);
    return [answer, times, answer.history.map((row) => row[0])];
  }, 1000);
}

// Push the rows drawn above, one by one; the first ones that a forecast needs go at once, as the stream's history.
function play() {
  const model = page.model, { history, series } = chosen() ?? { history: { times: [], columns: {} } };
  const columns = model.columns.map((name) => history.columns[name]), count = history.times.length;
  if (!count || columns.some((column) => !column)) return fail(say("playNeeds"));
  const row = (i) => columns.map((column) => column[i]);
  const name = `page-${Math.random().toString(36).slice(2, 8)}`, times = [], values = [];
  let at = count >= model.needed ? model.needed - 1 : 0;
  $("stream").value = name;
  begin("play", async () => {
    // Where all rows were played they are played back, for a model may keep hardly more than it needs.
    const lap = Math.floor(at / count), i = lap % 2 ? count - 1 - (at % count) : at % count;
    const body = { model: model.name, values: row(i), level: model.levels.slice(0, 1) };
    if (lap === 0) body.time = history.times[i];
    if (!times.length && series !== undefined) body.series = series;
    if (at && !times.length) {
      body.history = { values: history.times.slice(0, at).map((time, k) => row(k)), start: history.times[0] };
      times.push(...history.times.slice(0, at)), values.push(...columns[0].slice(0, at));
    }
    const answer = await ask(post(`/streams/${name}`, body));
    times.push(answer.time), values.push(columns[0][i]);
    at += 1;
    return [answer, times.slice(-SEEN), values.slice(-SEEN)];
  }, 120);
}

function fail(text) {
  clear();
  $("trouble").textContent = text;
}

// Which streams there are, the one used last first.
export async function list() {
  const { count, streams } = await ask("/streams");
  $("streams-count").textContent = counted(count, "streams.one", "streams.many");
  if (streams.join() === [...$("streams").children].map((item) => item.textContent).join()) return; // the focus stays
  $("streams").replaceChildren(...streams.map((name) => {
    const button = element("button", { type: "button", textContent: name });
    button.addEventListener("click", () => {
      $("stream").value = name;
      watch(name);
    });
    return element("li", {}, button);
  }));
  label();
}

// All texts again, after the language has changed.
export function again() {
  label();
  if (told) tell(...told);
}

export function start() {
  chart = new Chart("live", 240);
  const toggle = (id, work) => $(id).addEventListener("click", () => (running?.id === id ? stop() : work()));
  toggle("watch", () => ($("stream").value.trim() ? watch($("stream").value.trim()) : fail(say("noStream"))));
  toggle("play", play);
}
