// The events of an item with actor and reason, and the download of its audit trail.

import { get } from "./api.js";
import { h, setText } from "./dom.js";
import { eventIcon, eventTypeOf } from "./icons.js";
import { hrefOf } from "./router.js";
import { timeTag } from "./time.js";

const CSV_COLUMNS = ["sequence", "version", "event_type", "timestamp", "user_id", "status", "old_status", "new_status", "reason", "changes", "previous_values"];
const MEDIA_TYPES = { csv: "text/csv", json: "application/json" };
const INITIAL_ROWS = 100;

export function eventList({ events, refusal }, item, context) {
  const title = h("h2", {}, "Events");
  if (refusal) {
    const signIn = h("button", { type: "button", class: "primary", onclick: context.signIn }, "Enter a token");
    const why = refusal.status === 403 ? "Your token belongs to neither the owner nor an admin." : "Only the owner and admins can read an item’s events.";
    return [h("div", { class: "panel-head" }, title), h("p", { class: "muted" }, `${why} Everyone can read the versions.`), signIn];
  }
  const newestFirst = [...events].reverse();
  const list = h("ol", { class: "events" }, newestFirst.slice(0, INITIAL_ROWS).map((event) => itemEventRow(event, item)));
  const rest = newestFirst.slice(INITIAL_ROWS);
  const more = h("button", { type: "button", class: "more", onclick: () => { list.append(...rest.map((event) => itemEventRow(event, item))); more.remove(); } }, `Show ${rest.length} older events`);
  return [h("div", { class: "panel-head" }, title, downloadButtons(item)), list, rest.length ? more : null];
}

function itemEventRow(event, item) {
  const facts = [["event", event.event_id], ["version", String(event.version)], ["position", link(String(event.sequence), { view: "log", event: event.sequence })]];
  facts.push(["request", event.correlation_id && link(event.correlation_id, { view: "log", request: event.correlation_id })]);
  facts.push(["caused by", event.causation_id && causeLink(event.causation_id)]);
  const summary = h("summary", {}, eventIcon(event.type), h("span", { class: "event-text" }, h("strong", {}, eventTypeOf(event.type).name), " ", eventSummary(event.type, event.changes)), h("span", { class: "event-meta" }, event.user, " · ", timeTag(event.timestamp)));
  const versionLink = h("a", { class: "small", "data-route": true, href: hrefOf({ item: item.id, v: event.version }) }, "Show this version");
  return h("li", {}, h("details", {}, summary, factList(facts), eventData(event.changes), versionLink));
}

const link = (text, state) => h("a", { "data-route": true, href: hrefOf(state) }, text);

/** Link to the causing event, which the log finds by the millisecond in its UUIDv7. Other ids come from clients. */
export function causeLink(id) {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id)) return id;
  const at = Number.parseInt(id.slice(0, 13).replace("-", ""), 16);
  return link(id, { view: "log", from: new Date(at).toISOString(), to: new Date(at + 1).toISOString() });
}

export function factList(facts) {
  const known = facts.filter(([, value]) => value);
  return h("dl", { class: "facts-list" }, known.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export const eventData = (data) => h("pre", { tabindex: 0, "aria-label": "Event data" }, JSON.stringify(data, null, 2));

export function eventSummary(type, data) {
  if (type === "item_created") return data.name;
  if (type === "item_updated") return Object.keys(data.changes ?? {}).join(", ");
  if (type === "item_status_changed") return `${data.old_status} → ${data.new_status}${data.reason ? `, ${data.reason}` : ""}`;
  if (type === "item_restored") return `as ${data.status}`;
  return data.reason ?? "";
}

function downloadButtons(item) {
  const problem = h("span", { class: "problem", role: "alert", hidden: true });
  const download = async (format) => {
    problem.hidden = true;
    try {
      const { data } = await get(`items/${item.id}/audit-trail`, {}, { view: "item" });
      saveFile(`item-${item.id}-audit-trail.${format}`, format === "csv" ? csvOf(data.audit_trail) : JSON.stringify(data, null, 2), MEDIA_TYPES[format]);
    } catch (error) {
      problem.hidden = false;
      setText(problem, error.message);
    }
  };
  const button = (format) => h("button", { type: "button", class: "quiet small", onclick: () => download(format), "aria-label": `Download the audit trail as ${format.toUpperCase()}` }, format.toUpperCase());
  return h("span", { class: "downloads" }, h("span", { class: "muted", "aria-hidden": "true" }, "Audit trail"), button("csv"), button("json"), problem);
}

function saveFile(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function csvOf(entries) {
  return [CSV_COLUMNS, ...entries.map((entry) => CSV_COLUMNS.map((name) => entry[name]))].map((row) => row.map(csvCell).join(",")).join("\r\n");
}

/** A quoted cell. A text that a spreadsheet would read as a formula gets an apostrophe. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = /^[=+\-@\t]/.test(text) && typeof value === "string" ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
