// Two documents of an item, field by field.

import { h } from "./dom.js";
import { change } from "./router.js";
import { fieldsOf, wordsOf } from "./text-diff.js";
import { timeTag } from "./time.js";

export const NAMES = { image_urls: "pictures", location_lat: "latitude", location_lon: "longitude", owner_id: "owner", created_at: "created", updated_at: "updated", deleted_at: "deleted" };
const SIGNS = { added: "+ added", removed: "− removed", changed: "± changed", same: "same" };
const INSTANTS = new Set(["created_at", "updated_at", "deleted_at"]);
const WORDY = new Set(["name", "description", "category", "status", "owner_id"]);

/** The older one on the left; `at` is the instant that was asked for, where it was one. */
export function compared({ now, shown, other, versions, at }) {
  const pair = [shown, other].sort((one, two) => (one?.version ?? 0) - (two?.version ?? 0));
  const [before, after] = pair;
  const fields = fieldsOf(before, after);
  const different = fields.filter((each) => each.kind !== "same");
  const title = at ? ["As it was on ", timeTag(at)] : "The document";
  const head = h("div", { class: "panel-head" }, h("h2", {}, title), chooser({ now, other, shown, versions }));
  if (!shown) return [head, h("p", { class: "muted" }, "At this instant it was not in the catalogue yet. Beside it, what it is now.")].concat(table(fields, null, other, now));
  const summary = before && after ? `${different.length} of ${fields.length} fields differ.` : "This is how it began.";
  return [head, h("p", { class: "muted", "data-differing": different.length }, summary), table(fields, before, after, now)];
}

function chooser({ now, other, shown, versions }) {
  const options = Array.from({ length: versions }, (_, n) => versions - n).filter((version) => version !== shown?.version);
  const select = h(
    "select",
    { "aria-label": "Compare with", onchange: () => change({ with: select.value }) },
    options.map((version) => h("option", { value: version, selected: version === other?.version }, version === now.version ? `now (version ${version})` : `version ${version}`)),
    other ? null : h("option", { value: "", selected: true }, "nothing"),
  );
  return h("label", { class: "beside" }, h("span", {}, "beside"), select);
}

function table(fields, before, after, now) {
  const names = [before, after].map((document) => headOf(document, now));
  const rows = fields.map((each) => rowOf(each));
  const head = h("div", { role: "row", class: "field head" }, ["Field", ...names].map((name) => h("div", { role: "columnheader" }, name)));
  return h("div", { role: "table", class: "fields-table", "aria-label": "Fields then and later" }, h("div", { role: "rowgroup" }, head), h("div", { role: "rowgroup" }, rows));
}

function headOf(document, now) {
  if (!document) return "—";
  return [document.version === now.version ? `Now · version ${document.version}` : `Version ${document.version}`, " ", h("small", {}, timeTag(document.updated_at))];
}

function rowOf({ field, before, after, kind }) {
  const isText = kind === "changed" && WORDY.has(field);
  const words = isText ? wordsOf(before, after) : null;
  const left = isText ? words.filter(([what]) => what !== "added").map(wordOf) : valueOf(field, before);
  const right = isText ? words.filter(([what]) => what !== "removed").map(wordOf) : valueOf(field, after);
  const name = h("div", { role: "rowheader" }, NAMES[field] ?? field, kind === "same" ? null : h("span", { class: `sign ${kind}` }, SIGNS[kind]));
  return h("div", { role: "row", class: `field ${kind}`, "data-field": field }, name, cell(left, "left"), cell(right, "right"));
}

const cell = (content, side) => h("div", { role: "cell", class: side }, content);

/** One of `wordsOf`, as what was added, what was removed, or neither. */
export function wordOf([kind, text]) {
  if (kind === "same") return text;
  return h(kind === "added" ? "ins" : "del", {}, text);
}

/** A value as people read it. */
export function valueOf(field, value) {
  if (value === null) return h("span", { class: "nothing" }, "—");
  if (INSTANTS.has(field)) return timeTag(value, { style: "exact" });
  if (Array.isArray(value)) return value.map((one) => h("div", { class: "url" }, String(one)));
  return String(value);
}
