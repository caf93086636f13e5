// Shorthands for the document.
export const $ = (id) => document.getElementById(id);

export function element(kind, properties = {}, ...children) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

export function fill(select, values, texts = values) {
  const before = select.value;
  select.replaceChildren(...values.map((value, i) => new Option(texts[i], value)));
  if (values.map(String).includes(before)) select.value = before;
}
