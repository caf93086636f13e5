// What the page says, in the language chosen; the texts are those of /page/words/<language>.json.
const texts = {}; // of each language, once it was chosen
let current = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export const language = () => current;
export const locale = () => (current === "zh" ? "zh-CN" : "en");
export const say = (key, values = {}) => texts[current][key].replace(/\{(\w+)\}/g, (whole, name) => values[name]);

// One of something or many; Chinese says both alike.
export const counted = (count, one, many, values = {}) => say(count === 1 ? one : many, { count, ...values });
export const steps = (count) => counted(count, "steps.one", "steps.many", { horizon: count });

export async function speak(chosen = current) {
  texts[chosen] ??= await (await fetch(`/page/words/${chosen}.json`)).json();
  current = chosen;
  localStorage.setItem("language", chosen);
  document.documentElement.lang = locale();
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
}

// Five digits that say something, but every digit before the point.
const FIVE = { maximumSignificantDigits: 5, maximumFractionDigits: 0, roundingPriority: "morePrecision" };
export const number = (value) => (value === null || value === undefined ? "–" : value.toLocaleString(locale(), FIVE));
export const tick = (value) => value.toLocaleString(locale(), { maximumSignificantDigits: 8 });

// Whether times are days, which are told without a clock.
export const areDays = (times) => times.every((time) => typeof time === "string" && time.endsWith("T00:00:00"));

export function reader(times) {
  const end = areDays(times) ? 10 : undefined;
  return (time) => (typeof time === "string" ? time.slice(0, end).replace("T", " ").replace(/:00(?=$|Z|[+-])/, "") : String(time));
}
