// A choice of series that can be searched: type a part of a name, choose with the arrow keys and Enter, or click.
import { $, element } from "./dom.js";
import { say } from "./words.js";

const MOST = 100; // names shown at once

export class SeriesChoice {
  #names = [];
  #total = 0;
  #value = "";
  #active = -1;

  constructor(chosen) {
    Object.assign(this, { input: $("series"), list: $("series-list"), chosen });
    this.input.addEventListener("focus", () => (this.input.select(), this.#open("")));
    this.input.addEventListener("input", () => this.#open(this.input.value));
    this.input.addEventListener("blur", () => this.#close());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus
    this.list.addEventListener("click", (event) => event.target.dataset.name !== undefined && this.#take(event.target.dataset.name));
  }

  get value() {
    return this.#value;
  }

  // Offer these names, out of so many; what was chosen stays chosen where it is, or may be, among them.
  offer(names, total = names.length) {
    this.#names = names.map(String);
    this.#total = total;
    if (!this.#whole ? !this.#value : !this.#names.includes(this.#value)) this.#value = this.#names[0] ?? "";
    this.input.value = this.#value;
    $("series-label").hidden = this.#names.length < 2;
  }

  get #whole() {
    return this.#names.length >= this.#total;
  }

  #open(part) {
    const sought = part.trim().toLowerCase();
    const found = this.#names.filter((name) => name.toLowerCase().includes(sought)), rest = found.length - MOST;
    const options = found.slice(0, MOST).map((name, i) => {
      const option = element("li", { id: `series-${i}`, role: "option", textContent: name });
      option.dataset.name = name;
      option.setAttribute("aria-selected", String(name === this.#value));
      return option;
    });
    const hint = rest > 0 ? say("seriesMore", { count: rest }) : found.length ? "" : say("seriesNone");
    const unlisted = this.#whole ? "" : say("seriesUnlisted", { count: this.#names.length, total: this.#total });
    for (const textContent of [hint, unlisted].filter(Boolean)) options.push(element("li", { className: "hint", textContent }));
    this.list.replaceChildren(...options);
    this.#mark(sought && this.#whole && found.length ? 0 : -1);
    this.#show(true);
  }

  #close() {
    this.#show(false);
    this.input.value = this.#value;
  }

  #show(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
  }

  #mark(number) {
    const options = [...this.list.querySelectorAll("[role=option]")];
    this.#active = options.length ? Math.min(Math.max(number, -1), options.length - 1) : -1;
    options.forEach((option, i) => option.classList.toggle("active", i === this.#active));
    options[this.#active]?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", options[this.#active]?.id ?? "");
  }

  #key(event) {
    if (event.key === "Escape") return this.#close();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) this.#open("");
      this.#mark(this.#active + (event.key === "ArrowDown" ? 1 : -1));
    }
    const typed = this.#whole ? undefined : this.input.value.trim() || undefined;
    const name = this.list.children[this.#active]?.dataset.name ?? typed;
    if (event.key === "Enter" && name !== undefined) this.#take(name);
  }

  #take(name) {
    this.#value = name;
    this.#close();
    this.chosen();
  }
}
