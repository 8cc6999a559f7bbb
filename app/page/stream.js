// The log, live: server-sent events by fetch, since an EventSource cannot send a token. It resumes behind the last event
// it has seen, and shows none twice.

import { Problem, addressOf, send, token } from "./api.js";

const PAUSES = [500, 1000, 2000, 5000, 10000];
const SILENT_FOR = 40000;

/**
 * Follow the log from `after`, or from now on. `on.event` gets each CloudEvent once and in order, `on.begins` the
 * position behind which it begins, `on.state` one of connecting, live, waiting, refused. Answers with a way to stop.
 */
export function follow(params, after, on) {
  const follower = { params, on, last: after, stopped: false, failures: 0, aborter: null, timer: 0 };
  const wake = () => {
    if (follower.timer) reconnect(follower);
  };
  addEventListener("online", wake);
  connect(follower);
  return () => {
    follower.stopped = true;
    removeEventListener("online", wake);
    clearTimeout(follower.timer);
    follower.aborter?.abort();
  };
}

function reconnect(follower) {
  clearTimeout(follower.timer);
  follower.timer = 0;
  connect(follower);
}

async function connect(follower) {
  const { on } = follower;
  on.state("connecting");
  follower.aborter = new AbortController();
  try {
    const headers = { Accept: "text/event-stream" };
    if (follower.last !== null) headers["Last-Event-ID"] = follower.last;
    const response = await send("events/stream", { params: follower.params, headers, signal: follower.aborter.signal });
    on.state("live");
    await read(response.body, follower);
  } catch (error) {
    if (follower.stopped) return;
    if (error instanceof Problem && error.needsToken) return on.state("refused", error);
    if (error instanceof Problem && error.status === 409) follower.last = null;
  }
  if (follower.stopped) return;
  on.state("waiting");
  follower.timer = setTimeout(() => reconnect(follower), PAUSES[Math.min(follower.failures++, PAUSES.length - 1)]);
}

async function read(body, follower) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let alarm = 0;
  try {
    for (;;) {
      clearTimeout(alarm);
      alarm = setTimeout(() => follower.aborter.abort(), SILENT_FOR);
      const { value, done } = await reader.read();
      if (done) return;
      follower.failures = 0;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) take(block, follower);
    }
  } finally {
    clearTimeout(alarm);
  }
}

/** One block of the stream: an id and an event, or an id alone, which says where it begins; comments are neither. */
function take(block, follower) {
  const fields = Object.fromEntries(block.split("\n").map((line) => /^([a-z]*): ?(.*)$/s.exec(line)?.slice(1) ?? ["", ""]));
  if (fields.id === undefined) return;
  const isNew = follower.last === null || BigInt(fields.id) > BigInt(follower.last);
  if (fields.data && isNew) follower.on.event(JSON.parse(fields.data));
  if (!fields.data) follower.on.begins?.(fields.id);
  if (isNew) follower.last = fields.id;
}

/** As curl has it. */
export function curlOfStream(params) {
  const authorized = token.get() ? ` -H "Authorization: Bearer $TOKEN"` : "";
  return `curl -N${authorized} '${addressOf("events/stream", params)}'`;
}
