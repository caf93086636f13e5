// The page begins here: what a click or a key does, in which order the parts are told.
import { $ } from "./dom.js";
import * as downloads from "./downloads.js";
import * as file from "./file.js";
import * as forecast from "./forecast.js";
import * as live from "./live.js";
import * as models from "./models.js";
import { ask } from "./service.js";
import { modelNamed, page } from "./state.js";
import { language, say, speak } from "./words.js";

const PAUSE = 3000; // between looks for new versions of models, and for streams

const list = () => models.list(choose);

function choose(model) {
  live.clear();
  page.model = model;
  list();
  file.reset();
  return forecast.choose(model);
}

async function change() {
  await speak(language() === "zh" ? "en" : "zh");
  other();
  list();
  for (const part of [forecast, file, live]) part.again();
}

function other() {
  Object.assign($("language"), language() === "zh" ? { textContent: "English", lang: "en" } : { textContent: "中文", lang: "zh-CN" });
}

async function open() {
  page.models = (await ask("/models")).models;
  $("token-form").hidden = true;
  await choose(page.models[0]);
  if (page.models.some((model) => model.columns)) await live.list();
}

// Take up new versions of models, and streams that began or ended elsewhere; where the service is away, the old stays.
async function look() {
  if (!document.hidden && page.model) await follow().catch(() => {});
  setTimeout(look, PAUSE);
}

async function follow() {
  const models = (await ask("/models")).models, before = page.model;
  if (JSON.stringify(models) !== JSON.stringify(page.models)) {
    page.models = models;
    page.model = modelNamed(before.name);
    list();
  }
  if (page.model.version !== before.version) await forecast.tried(forecast.refresh);
  if (page.models.some((model) => model.columns)) await live.list();
}

async function start() {
  await speak();
  other();
  forecast.again();
  downloads.begin(forecast.begin());
  file.start();
  live.start();
  $("language").addEventListener("click", change);
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("token", $("token").value);
    forecast.tried(open);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (forecast.draw({ keep: true }), live.again()));
  await forecast.tried(open);
  setTimeout(look, PAUSE);
}

start();
