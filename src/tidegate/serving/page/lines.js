// What an answer says about one series, as lines: { kind, name, label, times, values, low, high, level, joined }.
import { say } from "./words.js";

const PAST = 60; // rows of history that are drawn at least, and 24 for each step ahead

// A line ahead begins at the newest observation, so that no gap is drawn; `joined` says that this point is no forecast.
function ahead(history, target, forecast, values) {
  const last = history.times.length - 1;
  return {
    joined: last >= 0,
    times: [...history.times.slice(-1), ...forecast.times],
    values: [...history.columns[target].slice(-1), ...values],
  };
}

export const levelName = (level) => say("levelOf", { level });

export function observed(one, target, count) {
  const shown = count === "all" ? Infinity : Number(count) || Math.max(PAST, 24 * one.times.length);
  const times = one.history.times.slice(-shown), values = one.history.columns[target].slice(-shown);
  return { kind: "observed", name: target, label: say("observed"), times, values };
}

export function forecast(one, target, name, level) {
  const line = { kind: "forecast", name, label: say("forecastOf", { name }), ...ahead(one.history, target, one, one.columns[name] || []) };
  const bounds = ["lo", "hi"].map((side) => one.columns[`${name}-${side}-${level}`]);
  if (!level || !bounds[0]) return line;
  const [low, high] = bounds.map((values) => ahead(one.history, target, one, values).values);
  return { ...line, low, high, level };
}

export function naive(one, target) {
  const values = one.naive?.columns[target];
  if (!values) return null;
  const label = say("naive", { name: say(`method.${one.naive.method}`) });
  return { kind: "naive", name: one.naive.method, label, ...ahead(one.history, target, one, values) };
}

// Seconds since 1970 of times that are text; step numbers stay what they are.
const seconds = (time) => (typeof time === "string" ? Date.parse(/Z|[+-]\d\d:\d\d$/.test(time) ? time : `${time}Z`) / 1000 : time);

// All lines over one row of times: where a line has no point, it has `undefined`, and null where its value is missing.
export function align(lines) {
  const places = lines.map((line) => line.times.map(seconds));
  const texts = new Map(lines.flatMap((line, i) => line.times.map((time, k) => [places[i][k], time])));
  const x = [...texts.keys()].sort((a, b) => a - b), at = new Map(x.map((value, i) => [value, i]));
  const spread = (values, i) => {
    const row = Array(x.length).fill(undefined);
    values.forEach((value, k) => (row[at.get(places[i][k])] = value));
    return row;
  };
  const aligned = lines.map((line, i) => ({
    ...line,
    values: spread(line.values, i),
    ...(line.low ? { low: spread(line.low, i), high: spread(line.high, i) } : {}),
    origin: line.joined ? at.get(places[i][0]) : -1,
  }));
  return { x, times: x.map((value) => texts.get(value)), dates: typeof texts.get(x[0]) === "string", lines: aligned };
}

// The same as a table: the heading, then a row for each time of which some line says something; the rest is undefined.
export function table(lines, time) {
  const all = align(lines);
  const columns = all.lines.flatMap((line) => {
    const told = (values) => values.map((value, i) => (i === line.origin ? undefined : value));
    const bounds = line.low ? [[`${line.name}-lo-${line.level}`, told(line.low)], [`${line.name}-hi-${line.level}`, told(line.high)]] : [];
    return [[line.name, told(line.values)], ...bounds];
  });
  const rows = all.times.map((stamp, i) => [stamp, ...columns.map(([, values]) => values[i])]);
  return [[time, ...columns.map(([name]) => name)], ...rows.filter((row) => row.some((value, i) => i && value !== undefined))];
}
