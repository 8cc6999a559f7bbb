// The log, live: server-sent events by fetch, since an EventSource cannot send a token. It resumes behind the last event
// it has seen, and shows none twice.

import { Problem, addressOf, send, token } from "./api.js";

const PAUSES = [500, 1000, 2000, 5000, 10000];
const SILENT_FOR = 40000;
const QUIET = 400;
const ASK_AGAIN = 5000;
const LOG_IS_ANOTHER = 409;
const TOO_MANY = 429;

/**
 * Follow the log from now on. `on.event` gets each CloudEvent once and in order, `on.begins` the position behind which it
 * begins, which is once, or again where the log has become another, `on.state` one of connecting, live, waiting, refused
 * (for good, and why). What is not to `resume` begins anew after a lost connection. Answers with a way to stop.
 */
export function follow(params, on, { resume = true } = {}) {
  const follower = { params, on, resume, last: null, stopped: false, failures: 0, aborter: null, timer: 0, alarm: 0 };
  const wake = () => {
    if (follower.timer) reconnect(follower);
  };
  const look = () => (document.hidden ? follower.aborter?.abort() : wake());
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", look);
  reconnect(follower);
  return () => {
    follower.stopped = true;
    removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", look);
    clearTimeout(follower.timer);
    follower.aborter?.abort();
  };
}

/** Not while nobody looks: a browser has six connections for all its tabs here, and hidden ones would hold them. */
function reconnect(follower) {
  clearTimeout(follower.timer);
  follower.timer = document.hidden ? setTimeout(() => reconnect(follower), PAUSES.at(-1)) : 0;
  if (!document.hidden) connect(follower);
}

async function connect(follower) {
  const { on } = follower;
  on.state("connecting");
  follower.aborter = new AbortController();
  try {
    const headers = { Accept: "text/event-stream" };
    stillThere(follower);
    if (follower.resume && follower.last !== null) headers["Last-Event-ID"] = follower.last;
    const response = await send("events/stream", { params: follower.params, headers, signal: follower.aborter.signal, patience: 0 });
    on.state("live");
    await read(response.body, follower);
  } catch (error) {
    if (follower.stopped) return;
    if (isForGood(error)) return on.state("refused", error);
    if (error.status === LOG_IS_ANOTHER) follower.last = null;
  } finally {
    clearTimeout(follower.alarm);
  }
  if (follower.stopped) return;
  on.state("waiting");
  follower.timer = setTimeout(() => reconnect(follower), PAUSES[Math.min(follower.failures++, PAUSES.length - 1)]);
}

/** Asking the same again would be refused again. */
function isForGood(error) {
  return error instanceof Problem && error.status >= 400 && error.status < 500 && ![LOG_IS_ANOTHER, TOO_MANY].includes(error.status);
}

async function read(body, follower) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    stillThere(follower);
    follower.failures = 0;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) take(block, follower);
  }
}

/** The service says something from time to time; if not, nobody is at the other end any more. */
function stillThere(follower) {
  clearTimeout(follower.alarm);
  follower.alarm = setTimeout(() => follower.aborter.abort(), SILENT_FOR);
}

/** One block of the stream: an id and an event, or an id alone, which says where it begins; comments are neither. */
function take(block, follower) {
  const fields = Object.fromEntries(block.split("\n").map((line) => /^([a-z]*): ?(.*)$/s.exec(line)?.slice(1) ?? ["", ""]));
  if (fields.id === undefined) return;
  const isNew = follower.last === null || BigInt(fields.id) > BigInt(follower.last);
  if (isNew) follower.last = fields.id;
  if (!fields.data) follower.on.begins(fields.id);
  else if (isNew) follower.on.event(JSON.parse(fields.data));
}

/**
 * Call `again`, soon but not for every event of a busy log, when something was recorded: with the position that is to be
 * read at least. Who may not read the log asks from time to time, with null. Answers with a way to stop.
 */
export function keepUp(params, again) {
  let waiting = 0, polling = 0, position = null;
  function soon() {
    waiting ||= setTimeout(() => {
      waiting = 0;
      again(position);
    }, QUIET);
  }
  const on = {
    event(event) {
      position = event.position;
      soon();
    },
    begins(from) {
      position = from === "0" ? null : from;
      soon();
    },
    state(state) {
      if (state === "refused") polling = setInterval(() => document.hidden || again(null), ASK_AGAIN);
    },
  };
  const quit = follow(params, on, { resume: false });
  return () => {
    quit();
    clearTimeout(waiting);
    clearInterval(polling);
  };
}

/** As curl has it. */
export function curlOfStream(params) {
  const authorized = token.get() ? ` -H "Authorization: Bearer $TOKEN"` : "";
  return `curl -N${authorized} '${addressOf("events/stream", params)}'`;
}
