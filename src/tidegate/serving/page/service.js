// Asks the service; every answer is JSON, and what it refuses becomes an error of one sentence.
import { say } from "./words.js";

// A request is { path, method, headers, body }; only the path must be there.
export async function ask(request) {
  const { path, ...options } = typeof request === "string" ? { path: request } : request;
  const token = sessionStorage.getItem("token");
  const headers = { ...(options.headers || {}), ...(token ? { authorization: `Bearer ${token}` } : {}) };
  let answer, body;
  try {
    answer = await fetch(path, { ...options, headers });
    body = await answer.json();
  } catch {
    throw new Error(answer ? say("unreadable", { status: answer.status }) : say("unreachable"));
  }
  if (answer.status === 401) document.getElementById("token-form").hidden = false;
  if (!answer.ok) throw new Error(body.error);
  return body;
}

export const post = (path, value) =>
  ({ path, method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
