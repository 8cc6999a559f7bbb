// An event of the log as a row that opens.

import { h } from "./dom.js";
import { kindOf, mark } from "./icons.js";
import { causeOf, dataOf, factList, sentenceOf } from "./item-events.js";
import { addressOf } from "./router.js";
import { timeTag } from "./time.js";

export function entryOf(event, state, isNew = false) {
  const isMeant = state.event === event.position;
  const here = (changes) => addressOf({ view: "log", ...changes });
  const link = (text, address) => h("a", { "data-here": true, href: address }, text);
  const summary = h(
    "summary",
    {},
    mark(event.type),
    h("span", { class: "what" }, h("strong", {}, kindOf(event.type).name), " ", sentenceOf(event.type, event.data)),
    h("span", { class: "who" }, `item ${event.subject} · ${event.user ?? "unknown"} · `, timeTag(event.time)),
  );
  const facts = factList([
    ["item", link(`${event.subject}, version ${event.version}`, addressOf({ item: event.subject, v: event.version }))],
    ["actor", event.user && link(event.user, here({ user: event.user }))],
    ["recorded", timeTag(event.time, { style: "exact" })],
    ["position", event.position],
    ["event", event.id],
    ["request", event.correlationid && link(event.correlationid, here({ request: event.correlationid }))],
    ["caused by", event.causationid && causeOf(event.causationid)],
    ["trace", event.traceparent],
  ]);
  const permalink = link("Permalink", here({ event: event.position }));
  const details = h("details", { open: isMeant }, summary, facts, dataOf(event.data), permalink);
  return h("li", { class: [isNew ? "fresh" : "", isMeant ? "meant" : ""].join(" ").trim() || null, "data-position": event.position }, details);
}
