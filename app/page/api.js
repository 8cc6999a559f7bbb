// The client of the public HTTP API. The page uses nothing else, so curl can repeat every request.

const ROOT = new URL("./", document.baseURI);
export const API = new URL("api/v2/", ROOT);
export const PAGE_FILES = new URL("page/", ROOT);
const TOKEN_KEY = "catalog-token";
const TIMEOUT_SECONDS = 20;
const listeners = new Set();
const views = new Map();
let online = true;

/** An error with the service's text (RFC 9457). Status 0 means that the service could not be reached. */
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
 * Send a request below /api/v2, or below the service's root if the path begins with a slash. Returns the response.
 * `view` names the view that sends it: the view lists its requests, and its reads end when it closes. Raises Problem, or
 * an AbortError if the request was aborted. With `timeoutSeconds` 0 the request has no timeout.
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

/** Read JSON. Returns the data, the headers, and the parameters of the next page. */
export async function get(path, params, options = {}) {
  const response = await send(path, { ...options, params });
  const data = await response.json().catch((error) => throwUnanswered(error, "GET"));
  return { data, headers: response.headers, next: nextPageParams(response) };
}

/** Raise for a request without a response: it was aborted, it timed out, or the service could not be reached. */
function throwUnanswered(error, method) {
  if (error.name === "AbortError") throw error;
  const advice = method === "GET" ? "Try again in a moment." : "The command may have been executed. Check before you repeat it.";
  if (error.name === "TimeoutError") throw new Problem(504, `The service did not answer within ${TIMEOUT_SECONDS} seconds. ${advice}`);
  setOnline(false);
  throw new Problem(0, `The service cannot be reached. ${advice}`);
}

async function problemOf(response) {
  const facts = await response.json().catch(() => ({}));
  return new Problem(response.status, facts.detail ?? `The service answered with status ${response.status} and no explanation. Try again in a moment.`, facts);
}

/** The parameters of the next page, from `Link: rel="next"`; null on the last page. */
function nextPageParams(response) {
  const link = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "");
  return link ? Object.fromEntries(new URL(link[1], API).searchParams) : null;
}

/** Yield the lines of an NDJSON response as they arrive. */
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

/** Call `listener` when the connection to the service is lost and when it is back. */
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

/** Forget a view's reads before it loads again. Its commands stay in the list of requests. */
export function forgetReads(view) {
  const { requests } = recordOf(view);
  for (const [key, { method }] of requests) if (method === "GET") requests.delete(key);
}

/** The requests of a view as curl commands. The token appears as a variable. */
export function curlCommands(view) {
  return [...recordOf(view).requests.values()].map(curlCommand);
}

/** Abort the reads of a closed view and forget its requests. */
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
