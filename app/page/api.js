// The public HTTP API, and nothing else. Whoever reads what a view asked can ask it with curl.

const ROOT = new URL("./", document.baseURI);
export const API = new URL("api/v2/", ROOT);
const TOKEN = "catalog-token";
const watchers = new Set();
const asked = new Map();
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
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

export function addressOf(path, params = {}) {
  const address = new URL(path.replace(/^\//, ""), path.startsWith("/") ? ROOT : API);
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, value);
  }
  return address;
}

/** The response of a request below /api/v2, or of the service where the path begins with a slash. */
export async function send(path, { method = "GET", params, headers = {}, signal, view } = {}) {
  const address = addressOf(path, params);
  const given = { ...headers };
  if (view) remember(view, method, address, headers);
  if (token.get()) given.Authorization = `Bearer ${token.get()}`;
  let response;
  try {
    response = await fetch(address, { method, headers: given, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    tell(false);
    throw new Problem(0, "The catalogue cannot be reached just now.");
  }
  tell(true);
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** Its JSON, and what its headers say. */
export async function get(path, params, options = {}) {
  const response = await send(path, { ...options, params });
  return { data: await response.json(), headers: response.headers, next: nextOf(response) };
}

async function problemOf(response) {
  const facts = await response.json().catch(() => ({}));
  return new Problem(response.status, facts.detail ?? `The service answered ${response.status}.`, facts);
}

/** The query of the next page, from `Link: rel="next"`. */
function nextOf(response) {
  const link = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "");
  return link ? Object.fromEntries(new URL(link[1], API).searchParams) : null;
}

/** Lines of JSON as they come. */
export async function* lines(response) {
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

function tell(isOnline) {
  if (online === isOnline) return;
  online = isOnline;
  watchers.forEach((watcher) => watcher(online));
}

/** Hear of it when the service cannot be reached, and when it can again. */
export function onConnection(watcher) {
  watchers.add(watcher);
}

addEventListener("offline", () => tell(false));

function remember(view, method, address, headers) {
  const requests = asked.get(view) ?? new Map();
  requests.set(`${method} ${address.pathname}`, { method, address, headers });
  asked.set(view, requests);
}

/** What a view has asked last, of each route, as curl has it; the token only by name. */
export function requestsOf(view) {
  return [...(asked.get(view) ?? new Map()).values()].map(curlOf);
}

export function forgetRequests(view) {
  asked.delete(view);
}

export function curlOf({ method = "GET", address, headers = {} }) {
  const parts = ["curl", method === "GET" ? "" : `-X ${method}`];
  if (token.get()) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  for (const [name, value] of Object.entries(headers)) parts.push(quoted("-H ", `${name}: ${value}`));
  return [...parts, quoted("", String(address))].filter(Boolean).join(" ");
}

const quoted = (option, text) => `${option}'${text.replaceAll("'", "'\\''")}'`;
