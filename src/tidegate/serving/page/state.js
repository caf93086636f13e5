// What the page holds: the models, the one chosen, and what its forecast is of.
export const page = { models: [], model: null };

export const forecasters = () => page.models.filter((model) => model.kind === "table");
export const modelNamed = (name) => page.models.find((model) => model.name === name);
