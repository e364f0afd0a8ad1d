// The admin API, asked with the cookie of the login.
//
// An answer that is no success is thrown as a Refusal, which has the status and, for forms, the
// detail of each field. A login that has ended is told to `login`, whoever asked.
import { serverSaid } from "./time.js";
import { store } from "./store.js";

const PATIENCE = 25_000;

// null: not known yet; false: nobody is logged in; else the object of the session.
export const login = store(null);

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    // Of a list, `/models/0` is about the field that the list is typed into.
    this.fields = new Map();
    for (const { pointer, detail } of problem.errors || []) {
      const field = pointer.replace(/^[/?]/, "").split("/")[0];
      this.fields.set(field, [this.fields.get(field), detail].filter(Boolean).join("; "));
    }
    // What a person should be told at a form that does not show each field's own.
    this.words = this.fields.size ? [...this.fields].map(([field, why]) => `${field}: ${why}`).join("; ") : this.message;
  }
}

// Nothing came that could be read: no connection, or no answer within the time.
export class Unreachable extends Error {
  constructor(words = "Farebox cannot be reached.") {
    super(words);
    this.status = 0;
    this.fields = new Map();
    this.words = this.message;
  }
}

function unique() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A request whose answer was lost may be done. Sent again soon, it is the same one: with its key the
// server does it once.
const AGAIN = 120_000;
const MOST_LOST = 20;
const lost = new Map();

function keyOf(asked) {
  const before = lost.get(asked);
  return before && performance.now() - before.at < AGAIN ? before.key : unique();
}

function lose(asked, key) {
  lost.delete(asked);
  lost.set(asked, { key, at: performance.now() });
  if (lost.size > MOST_LOST) lost.delete(lost.keys().next().value);
}

async function ask(method, path, { body, headers = {}, signal } = {}) {
  const all = { accept: "application/json", ...headers };
  if (body !== undefined) all["content-type"] = "application/json";
  const session = login.get();
  if (method !== "GET" && session) all["x-csrf-token"] = session.csrf_token;
  const asked = `${method} ${path} ${JSON.stringify(body)}`;
  if (method === "POST") all["idempotency-key"] = keyOf(asked);
  const ending = new AbortController();
  const end = () => ending.abort();
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    end();
  }, PATIENCE);
  if (signal?.aborted) end();
  signal?.addEventListener("abort", end);
  let response;
  let text;
  try {
    response = await fetch(path, {
      method,
      headers: all,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: ending.signal,
      credentials: "same-origin",
    });
    text = await response.text();
  } catch (why) {
    if (signal?.aborted) throw why;
    if (method === "POST") lose(asked, all["idempotency-key"]);
    throw new Unreachable(late ? `Farebox has not answered for ${PATIENCE / 1000} seconds.` : undefined);
  } finally {
    clearTimeout(limit);
    signal?.removeEventListener("abort", end);
  }
  serverSaid(response.headers.get("date"));
  lost.delete(asked);
  if (response.status === 304) return { value: null, tag: null, status: 304 };
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // A page of something between, such as a proxy that wants a login.
    throw new Refusal(response.status, { detail: `What answered (${response.status}) does not seem to be Farebox: it sent no JSON.` });
  }
  if (!response.ok) {
    const problem = value?.error ? { detail: value.error.message } : value || {};
    if (response.status === 401 && path !== "/api/v1/session") login.set(false);
    throw new Refusal(response.status, problem);
  }
  return { value, tag: response.headers.get("etag"), status: response.status };
}

// A text, whatever the status: `/readyz` tells with 503 what is wrong.
export async function getText(path, { signal } = {}) {
  const limit = AbortSignal.timeout(PATIENCE);
  try {
    return await (await fetch(path, { signal: signal ? AbortSignal.any([signal, limit]) : limit })).text();
  } catch (why) {
    if (signal?.aborted) throw why;
    throw new Unreachable();
  }
}

export const get = async (path, options) => (await ask("GET", path, options)).value;
export const getTagged = (path, options) => ask("GET", path, options);
export const post = async (path, body = {}, options) => (await ask("POST", path, { body, ...options })).value;
export const put = async (path, body, options) => (await ask("PUT", path, { body, ...options })).value;
export const patch = async (path, body, options) => (await ask("PATCH", path, { body, ...options })).value;
export const remove = async (path, options) => (await ask("DELETE", path, options)).value;

// "?a=1&b=2" of what is given.
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

// Every entry of a list, page by page; at most `most`.
export async function all(path, parameters = {}, most = 20_000, signal) {
  const found = [];
  let after = null;
  do {
    const page = await get(path + query({ ...parameters, limit: 200, after }), { signal });
    found.push(...page.data);
    after = page.next_cursor;
  } while (after && found.length < most);
  return found;
}

export async function whoAmI() {
  try {
    login.set(await get("/api/v1/session"));
  } catch (why) {
    if (why.status !== 401) throw why;
    login.set(false);
  }
}

// With a token, or what stands in a link: { token } or { once }.
export async function logIn(secret) {
  login.set(await post("/api/v1/session", secret));
}

export async function logOut() {
  await remove("/api/v1/session");
  login.set(false);
}

// What was last allowed: while a login that has ended is renewed, the page below stays as it was.
let scopes = [];
login.follow((session) => {
  if (session) scopes = session.scopes;
});

// Whether who is logged in may do this.
export function may(scope) {
  return scopes.includes("admin") || scopes.includes(scope);
}
