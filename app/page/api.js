// The public HTTP API, and nothing else. Whoever reads what a view asked can ask it with curl.

const ROOT = new URL("./", document.baseURI);
export const API = new URL("api/v2/", ROOT);
export const PAGE_FILES = new URL("page/", ROOT);
const TOKEN_KEY = "catalog-token";
const TIMEOUT_SECONDS = 20;
const listeners = new Set();
const views = new Map();
let online = true;

/** A refusal, as the service words it (RFC 9457); status 0: it could not be reached. */
export class Problem extends Error {
  constructor(status, detail, facts = {}) {
    super(detail);
    this.status = status;
    this.facts = facts;
  }

  get needsToken() {
    return this.status === 401 || this.status === 403;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN_KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN_KEY, value) : sessionStorage.removeItem(TOKEN_KEY)),
};

export function apiUrl(path, params = {}) {
  const address = new URL(path.replace(/^\//, ""), path.startsWith("/") ? ROOT : API);
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, value);
  }
  return address;
}

/**
 * The response of a request below /api/v2, or of the service where the path begins with a slash. `view` is who asks: it
 * can show what it asked, and what it only reads ends with it. Raises Problem; what was called off, an AbortError.
 * `patience` is in seconds, 0 without end.
 */
export async function send(path, { method = "GET", params, headers = {}, signal, view, timeoutSeconds = TIMEOUT_SECONDS } = {}) {
  const address = apiUrl(path, params);
  const sentHeaders = { ...headers };
  if (view) recordRequest(view, method, address, headers);
  if (token.get()) sentHeaders.Authorization = `Bearer ${token.get()}`;
  const signals = [signal, view && method === "GET" && recordOf(view).aborter.signal, timeoutSeconds && AbortSignal.timeout(timeoutSeconds * 1000)];
  const response = await fetch(address, { method, headers: sentHeaders, signal: AbortSignal.any(signals.filter(Boolean)) }).catch((error) => throwUnanswered(error, method));
  setOnline(true);
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Its JSON, and what its headers say. */
export async function get(path, params, options = {}) {
  const response = await send(path, { ...options, params });
  const data = await response.json().catch((error) => throwUnanswered(error, "GET"));
  return { data, headers: response.headers, next: nextPageParams(response) };
}

/** Nothing has come of a request: it was called off, it took too long, or nobody is there. */
function throwUnanswered(error, method) {
  if (error.name === "AbortError") throw error;
  const uncertainty = method === "GET" ? "" : " Whether this was done is not known: look, before you do it again.";
  if (error.name === "TimeoutError") throw new Problem(504, `The catalogue did not answer within ${TIMEOUT_SECONDS} seconds.${uncertainty}`);
  setOnline(false);
  throw new Problem(0, `The catalogue cannot be reached just now.${uncertainty}`);
}

async function problemOf(response) {
  const facts = await response.json().catch(() => ({}));
  return new Problem(response.status, facts.detail ?? `The service answered ${response.status}.`, facts);
}

/** The query of the next page, from `Link: rel="next"`. */
function nextPageParams(response) {
  const link = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "");
  return link ? Object.fromEntries(new URL(link[1], API).searchParams) : null;
}

/** Lines of JSON as they come. */
export async function* jsonLines(response) {
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const line of parts) if (line) yield JSON.parse(line);
  }
}

function setOnline(isOnline) {
  if (online === isOnline) return;
  online = isOnline;
  listeners.forEach((listener) => listener(online));
}

/** Hear of it when the service cannot be reached, and when it can again. */
export function onConnection(listener) {
  listeners.add(listener);
}

addEventListener("offline", () => setOnline(false));

function recordOf(view) {
  if (!views.has(view)) views.set(view, { requests: new Map(), aborter: new AbortController() });
  return views.get(view);
}

function recordRequest(view, method, address, headers) {
  recordOf(view).requests.set(`${method} ${address} ${headers.Accept ?? ""}`, { method, address, headers });
}

/** What a view is showing it asks for from here on; its commands stay among the requests. */
export function forgetReads(view) {
  const { requests } = recordOf(view);
  for (const [key, { method }] of requests) if (method === "GET") requests.delete(key);
}

/** The requests behind a view, as curl has them; the token only by name. */
export function curlCommands(view) {
  return [...recordOf(view).requests.values()].map(curlCommand);
}

/** The view is gone, and with it what it was reading. */
export function closeView(view) {
  recordOf(view).aborter.abort();
  views.delete(view);
}

function curlCommand({ method = "GET", address, headers = {} }) {
  const parts = ["curl", method === "GET" ? "" : `-X ${method}`];
  if (token.get()) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  for (const [name, value] of Object.entries(headers)) parts.push(shellQuoted("-H ", `${name}: ${value}`));
  return [...parts, shellQuoted("", String(address))].filter(Boolean).join(" ");
}

const shellQuoted = (option, text) => `${option}'${text.replaceAll("'", "'\\''")}'`;
