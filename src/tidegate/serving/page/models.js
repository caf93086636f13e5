// The models as buttons, each with the verdict of its run.
import { $, element } from "./dom.js";
import { page } from "./state.js";
import { language, say, steps } from "./words.js";

const BADGES = { true: ["good", "badge.beats"], false: ["bad", "badge.fails"], null: ["unsure", "badge.unsure"] };

export function badge(model) {
  const [kind, key] = model.verdict ? BADGES[model.verdict.beats] : ["untold", "badge.none"];
  return element("span", { className: `badge ${kind}`, textContent: say(key) });
}

export const sentence = (model) => (model.verdict ? model.verdict.text[language()] : say("notJudged"));

function about(model) {
  if (!model.cell) return model.layer || model.kind;
  return say("about", { ...model, cell: model.cell.toUpperCase() });
}

export function list(choose) {
  $("models").replaceChildren(...page.models.map((model) => {
    const button = element("button", { type: "button", className: "model" }, element("b", { textContent: model.name }));
    if (model.kind === "table") button.append(badge(model));
    const reach = model.columns ? [say("reach", { needed: steps(model.needed), horizon: steps(model.horizon) })] : [];
    for (const textContent of [about(model), ...reach, say("version", model)]) button.append(element("span", { textContent }));
    button.setAttribute("aria-pressed", String(model.name === page.model?.name));
    button.addEventListener("click", () => choose(model));
    return button;
  }));
}
