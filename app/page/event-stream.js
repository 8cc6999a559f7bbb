// The log, live: server-sent events by fetch, because an EventSource cannot send a token. After a lost connection the
// stream resumes after the last event received and delivers no event twice.

import { Problem, apiUrl, send, token } from "./api.js";

const RETRY_PAUSES_MS = [500, 1000, 2000, 5000, 10000];
const SILENCE_MAX_MS = 40000;
const BATCH_MS = 400;
const POLL_MS = 5000;
const LOG_REPLACED = 409;
const TOO_MANY_REQUESTS = 429;

/**
 * Follow the log from now on. Returns a function that stops. `on.event` gets each CloudEvent once and in order.
 * `on.starts` gets the position after which the stream starts, again if the log was replaced. `on.state` gets
 * connecting, live, waiting, or refused with the error, which is final. Without `resume` each connection starts at the
 * newest event.
 */
export function follow(params, on, { resume = true } = {}) {
  const follower = { params, on, resume, last: null, stopped: false, failures: 0, aborter: null, timer: 0, silenceTimer: 0 };
  const retryNow = () => {
    if (follower.timer) reconnect(follower);
  };
  const visibilityChanged = () => (document.hidden ? follower.aborter?.abort() : retryNow());
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", visibilityChanged);
  reconnect(follower);
  return () => {
    follower.stopped = true;
    removeEventListener("online", retryNow);
    document.removeEventListener("visibilitychange", visibilityChanged);
    clearTimeout(follower.timer);
    follower.aborter?.abort();
  };
}

/** Connect, unless the tab is hidden: a browser allows six connections per service, and hidden tabs would hold them. */
function reconnect(follower) {
  clearTimeout(follower.timer);
  follower.timer = document.hidden ? setTimeout(() => reconnect(follower), RETRY_PAUSES_MS.at(-1)) : 0;
  if (!document.hidden) connect(follower);
}

async function connect(follower) {
  const { on } = follower;
  on.state("connecting");
  follower.aborter = new AbortController();
  try {
    const headers = { Accept: "text/event-stream" };
    restartSilenceTimer(follower);
    if (follower.resume && follower.last !== null) headers["Last-Event-ID"] = follower.last;
    const response = await send("events/stream", { params: follower.params, headers, signal: follower.aborter.signal, timeoutSeconds: 0 });
    on.state("live");
    await read(response.body, follower);
  } catch (error) {
    if (follower.stopped) return;
    if (isPermanent(error)) return on.state("refused", error);
    if (error.status === LOG_REPLACED) follower.last = null;
  } finally {
    clearTimeout(follower.silenceTimer);
  }
  if (follower.stopped) return;
  on.state("waiting");
  follower.timer = setTimeout(() => reconnect(follower), RETRY_PAUSES_MS[Math.min(follower.failures++, RETRY_PAUSES_MS.length - 1)]);
}

/** Whether the same request would be refused again. */
function isPermanent(error) {
  return error instanceof Problem && error.status >= 400 && error.status < 500 && ![LOG_REPLACED, TOO_MANY_REQUESTS].includes(error.status);
}

async function read(body, follower) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    restartSilenceTimer(follower);
    follower.failures = 0;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) handleBlock(block, follower);
  }
}

/** Abort a connection that is silent for too long: the service sends a comment at short intervals. */
function restartSilenceTimer(follower) {
  clearTimeout(follower.silenceTimer);
  follower.silenceTimer = setTimeout(() => follower.aborter.abort(), SILENCE_MAX_MS);
}

/** Handle a block of the stream. An id without data is the start position; a block without an id is a comment. */
function handleBlock(block, follower) {
  const fields = Object.fromEntries(block.split("\n").map((line) => /^([a-z]*): ?(.*)$/s.exec(line)?.slice(1) ?? ["", ""]));
  if (fields.id === undefined) return;
  const isNew = follower.last === null || BigInt(fields.id) > BigInt(follower.last);
  if (isNew) follower.last = fields.id;
  if (!fields.data) follower.on.starts(fields.id);
  else if (isNew) follower.on.event(JSON.parse(fields.data));
}

/**
 * Call `onRecorded` after new events, once per batch, with the position that the next read must include. If the visitor
 * may not read the log, it is called at intervals with null. Returns a function that stops.
 */
export function watchEvents(params, onRecorded) {
  let batchTimer = 0, pollInterval = 0, position = null;
  function schedule() {
    batchTimer ||= setTimeout(() => {
      batchTimer = 0;
      onRecorded(position);
    }, BATCH_MS);
  }
  const on = {
    event(event) {
      position = event.position;
      schedule();
    },
    starts(from) {
      position = from === "0" ? null : from;
      schedule();
    },
    state(state) {
      if (state === "refused") pollInterval = setInterval(() => document.hidden || onRecorded(null), POLL_MS);
    },
  };
  const stopFollowing = follow(params, on, { resume: false });
  return () => {
    stopFollowing();
    clearTimeout(batchTimer);
    clearInterval(pollInterval);
  };
}

/** The stream as a curl command. */
export function streamCurlCommand(params) {
  const authorized = token.get() ? ` -H "Authorization: Bearer $TOKEN"` : "";
  return `curl -N${authorized} '${apiUrl("events/stream", params)}'`;
}
