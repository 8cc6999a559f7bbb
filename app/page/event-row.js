// An event of the log as a row with details.

import { h } from "./dom.js";
import { eventIcon, eventTypeOf } from "./icons.js";
import { causeLink, eventData, eventSummary, factList } from "./item-events.js";
import { hrefOf } from "./router.js";
import { timeTag } from "./time.js";

export function eventRow(event, state, isNew = false) {
  const isSelected = state.event === event.position;
  const logHref = (changes) => hrefOf({ view: "log", ...changes });
  const link = (text, address) => h("a", { "data-route": true, href: address }, text);
  const summary = h(
    "summary",
    {},
    eventIcon(event.type),
    h("span", { class: "event-text" }, h("strong", {}, eventTypeOf(event.type).name), " ", eventSummary(event.type, event.data)),
    h("span", { class: "event-meta" }, `item ${event.subject} · ${event.user ?? "unknown"} · `, timeTag(event.time)),
  );
  const facts = factList([
    ["item", link(`${event.subject}, version ${event.version}`, hrefOf({ item: event.subject, v: event.version }))],
    ["actor", event.user && link(event.user, logHref({ user: event.user }))],
    ["recorded", timeTag(event.time, { style: "exact" })],
    ["position", event.position],
    ["event", event.id],
    ["request", event.correlationid && link(event.correlationid, logHref({ request: event.correlationid }))],
    ["caused by", event.causationid && causeLink(event.causationid)],
    ["trace", event.traceparent],
  ]);
  const permalink = link("Permalink", logHref({ event: event.position }));
  const details = h("details", { open: isSelected }, summary, facts, eventData(event.data), permalink);
  return h("li", { class: [isNew ? "is-new" : "", isSelected ? "selected" : ""].join(" ").trim() || null, "data-position": event.position }, details);
}
