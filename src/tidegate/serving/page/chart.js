// A chart of lines: its legend, the values at the pointer, zoom and pan. Drawn by uPlot, which page/vendor holds.
import { $, element } from "./dom.js";
import { align, levelName } from "./lines.js";
import { areDays, number, reader, tick } from "./words.js";

const STYLES = { observed: ["--accent", 1.5], forecast: ["--warm", 2], naive: ["--faint", 1.5, [5, 4]], compared: ["--third", 2, [9, 3]] };
const FONT = "12px system-ui, sans-serif";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Ticks as 24-hour times, with the date below the first one and each that begins a day; of days only the date.
function dates(ticks, days) {
  const stamps = ticks.map((tick) => new Date(tick * 1000).toISOString());
  const clocks = ticks.some((tick) => tick % 86400), months = ticks.length > 1 && ticks[1] - ticks[0] >= 27 * 86400;
  return stamps.map((stamp, i) => {
    if (months) return stamp.slice(0, 7);
    const day = stamp.slice(5, 10);
    if (days && ticks[i] % 86400) return "";
    if (!clocks || days) return day;
    return i && stamps[i - 1].slice(5, 10) === day ? stamp.slice(11, 16) : `${stamp.slice(11, 16)}\n${day}`;
  });
}

export class Chart {
  #plot = null;
  #all = null;
  #tip = element("div", { className: "tip", hidden: true });

  constructor(name, height) {
    Object.assign(this, { place: $(name), legend: $(`${name}-legend`), height });
    this.place.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(() => this.#plot?.setSize({ width: this.place.clientWidth, height })).observe(this.place);
  }

  // Draw these lines; `keep` leaves the part of time that is seen as it is.
  draw(lines, { keep = false } = {}) {
    const range = keep && this.#plot && this.#range;
    this.clear();
    this.#all = align(lines);
    const { x, lines: aligned } = this.#all, series = [{}], bands = [], data = [x];
    for (const line of [...aligned].reverse()) { // the first line lies on top
      const [stroke, width, dash] = STYLES[line.kind];
      if (line.low) {
        bands.push({ series: [series.length + 1, series.length], fill: colour("--band") });
        for (const edge of [line.low, line.high]) series.push({ stroke: "transparent", points: { show: false } }), data.push(edge);
      }
      series.push({ stroke: colour(stroke), width, dash, points: { show: false } });
      data.push(line.values);
    }
    this.#plot = new uPlot(this.#options(series, bands), data, (plot, begin) => {
      this.place.replaceChildren(plot.root);
      begin();
    });
    this.#plot.over.append(this.#tip);
    if (range) this.#plot.setScale("x", range);
    this.legend.replaceChildren(...aligned.flatMap((line) => this.#explained(line)));
    this.place.tabIndex = 0;
  }

  clear() {
    this.#plot?.destroy();
    this.#plot = this.#all = null;
    this.#tip.hidden = true;
    this.place.replaceChildren();
    this.place.removeAttribute("tabindex"); // nothing to point at
    this.legend.replaceChildren();
  }

  // Show a part of time that is `factor` as long.
  zoom(factor) {
    if (!this.#plot) return;
    const { min, max } = this.#range, half = ((max - min) * factor) / 2, middle = (min + max) / 2;
    this.#see(middle - half, middle + half);
  }

  // Show the part of time that lies this share of what is seen further on.
  pan(share) {
    if (!this.#plot) return;
    const { min, max } = this.#range, [first, last] = this.#ends;
    const way = Math.min(Math.max((max - min) * share, first - min), last - max);
    this.#see(min + way, max + way);
  }

  reset() {
    if (this.#plot) this.#see(...this.#ends);
  }

  // The chart on a canvas, with a title above and its legend below.
  picture(title) {
    const drawn = this.#plot.ctx.canvas, ratio = drawn.width / this.place.clientWidth, edge = 34 * ratio;
    const canvas = element("canvas", { width: drawn.width, height: drawn.height + 2 * edge }), on = canvas.getContext("2d");
    on.fillStyle = colour("--paper");
    on.fillRect(0, 0, canvas.width, canvas.height);
    on.drawImage(drawn, 0, edge);
    on.font = `${13 * ratio}px system-ui, "Noto Sans CJK SC", sans-serif`;
    on.fillStyle = colour("--ink");
    on.fillText(title, 12 * ratio, 22 * ratio, canvas.width - 24 * ratio);
    on.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#explain(on, 12, canvas.height / ratio - 12);
    return canvas;
  }

  // The legend on a canvas, from this place on.
  #explain(on, left, bottom) {
    const entries = this.#all.lines.flatMap((line) => [[line.label, ...STYLES[line.kind]], ...(line.low ? [[levelName(line.level), "--band"]] : [])]);
    on.font = on.font.replace(/^[\d.]+px/, "13px");
    for (const [text, ink, width, dash = []] of entries) {
      on.strokeStyle = on.fillStyle = colour(ink);
      on.beginPath();
      on.setLineDash(dash);
      on.lineWidth = width ?? 14;
      on.moveTo(left, bottom - 5);
      on.lineTo(left + 24, bottom - 5);
      on.stroke();
      on.fillStyle = colour("--ink");
      on.fillText(text, left + 30, bottom);
      left += on.measureText(text).width + 48;
    }
  }

  get #range() {
    const { min, max } = this.#plot.scales.x;
    return { min, max };
  }

  get #ends() {
    return [this.#all.x[0], this.#all.x.at(-1)];
  }

  #see(min, max) {
    const [first, last] = this.#ends;
    if (max - min > (last - first) / this.#all.x.length) this.#plot.setScale("x", { min: Math.max(min, first), max: Math.min(max, last) });
  }

  #options(series, bands) {
    const grid = { stroke: colour("--grid"), width: 1 };
    const axis = { stroke: colour("--faint"), grid, ticks: grid, font: FONT };
    const days = areDays(this.#all.times), across = (plot, ticks) => (this.#all.dates ? dates(ticks, days) : ticks.map(String));
    // As wide as its longest label; 7 pixels is a digit of the font.
    const size = (plot, labels) => 24 + 7 * Math.max(4, ...(labels ?? []).map((label) => label.length));
    return {
      width: this.place.clientWidth, height: this.height, series, bands, pxAlign: 0, padding: [null, 26, null, null],
      legend: { show: false },
      cursor: { y: false },
      hooks: { setCursor: [(plot) => this.#tell(plot)] },
      tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), "UTC"),
      scales: { x: { time: this.#all.dates } },
      axes: [{ ...axis, values: across }, { ...axis, size, values: (plot, ticks) => ticks.map(tick) }],
    };
  }

  #swatch(line) {
    return element("i", { className: `swatch ${line.kind}` });
  }

  #explained(line) {
    const entries = [element("li", {}, this.#swatch(line), line.label)];
    if (line.low) entries.push(element("li", {}, element("i", { className: "swatch band" }), levelName(line.level)));
    return entries;
  }

  // The values at the pointer.
  #tell(plot) {
    const { idx, left } = plot.cursor;
    const told = idx === null || idx === undefined || left < 0 ? [] : this.#all.lines.filter((line) => idx !== line.origin && line.values[idx] !== undefined);
    this.#tip.hidden = !told.length;
    if (!told.length) return;
    const rows = told.map((line) => {
      const bounds = line.low ? ` (${number(line.low[idx])} – ${number(line.high[idx])})` : "";
      return element("div", {}, this.#swatch(line), `${line.label}: `, element("b", { textContent: number(line.values[idx]) }), bounds);
    });
    this.#tip.replaceChildren(element("div", { className: "when", textContent: reader(this.#all.times)(this.#all.times[idx]) }), ...rows);
    const at = plot.valToPos(this.#all.x[idx], "x"), right = at > plot.over.clientWidth / 2;
    Object.assign(this.#tip.style, right ? { left: "auto", right: `${plot.over.clientWidth - at + 10}px` } : { left: `${at + 10}px`, right: "auto" });
  }

  // Arrow keys move the pointer from time to time.
  #step(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!this.#plot || (!way && event.key !== "Escape")) return;
    event.preventDefault();
    const [first, last] = this.#plot.series[0].idxs, now = this.#plot.cursor.idx ?? (way > 0 ? first - 1 : last + 1);
    const left = way ? this.#plot.valToPos(this.#all.x[Math.min(Math.max(now + way, first), last)], "x") : -10;
    this.#plot.setCursor({ left, top: way ? 10 : -10 });
  }
}
