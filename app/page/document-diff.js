// The difference between two versions of an item's document, field by field.

import { h } from "./dom.js";
import { changeState } from "./router.js";
import { diffWords } from "./text-diff.js";
import { timeTag } from "./time.js";

const ITEM_FIELDS = ["name", "description", "category", "status", "image_urls", "location_lat", "location_lon", "owner_id"];
const METADATA_FIELDS = ["created_at", "updated_at", "deleted_at", "version"];
export const CHANGED_BY_EVERY_EVENT = new Set(["version", "updated_at"]);
export const FIELD_LABELS = { image_urls: "pictures", location_lat: "latitude", location_lon: "longitude", owner_id: "owner", created_at: "created", updated_at: "updated", deleted_at: "deleted" };
const CHANGE_LABELS = { added: "+ added", removed: "− removed", changed: "± changed", same: "same" };
const INSTANT_FIELDS = new Set(["created_at", "updated_at", "deleted_at"]);
const TEXT_FIELDS = new Set(["name", "description", "category", "status", "owner_id"]);

/** The older version is on the left. `at` is the requested instant, if the address names one. */
export function documentDiff({ now, shown, other, versions, at }) {
  const pair = [shown, other].sort((one, two) => (one?.version ?? 0) - (two?.version ?? 0));
  const [before, after] = pair;
  const fields = diffFields(before, after);
  const different = fields.filter((each) => each.kind !== "same");
  const title = at ? ["As of ", timeTag(at)] : "Document";
  const head = h("div", { class: "panel-head" }, h("h2", {}, title), versionSelect({ now, other, shown, versions }));
  if (!shown) return [head, h("p", { class: "muted" }, "The item did not exist at this instant. The current version is shown for comparison.")].concat(table(fields, null, other, now));
  const summary = before && after ? `${different.length} of ${fields.length} fields differ.` : "This is the first version.";
  return [head, h("p", { class: "muted", "data-differing": different.length }, summary), table(fields, before, after, now)];
}

function versionSelect({ now, other, shown, versions }) {
  const options = Array.from({ length: versions }, (_, n) => versions - n).filter((version) => version !== shown?.version);
  const select = h(
    "select",
    { "aria-label": "Compare with", onchange: () => changeState({ with: select.value }) },
    options.map((version) => h("option", { value: version, selected: version === other?.version }, version === now.version ? `now (version ${version})` : `version ${version}`)),
    other ? null : h("option", { value: "", selected: true }, "nothing"),
  );
  return h("label", { class: "compare-with" }, h("span", {}, "compare with"), select);
}

function table(fields, before, after, now) {
  const names = [before, after].map((document) => columnTitle(document, now));
  const rows = fields.map((each) => fieldRow(each));
  const head = h("div", { role: "row", class: "field head" }, ["Field", ...names].map((name) => h("div", { role: "columnheader" }, name)));
  return h("div", { role: "table", class: "fields-table", "aria-label": "Fields of both versions" }, h("div", { role: "rowgroup" }, head), h("div", { role: "rowgroup" }, rows));
}

function columnTitle(document, now) {
  if (!document) return "—";
  return [document.version === now.version ? `Now · version ${document.version}` : `Version ${document.version}`, " ", h("small", {}, timeTag(document.updated_at))];
}

function fieldRow({ field, before, after, kind }) {
  const isText = kind === "changed" && TEXT_FIELDS.has(field);
  const words = isText ? diffWords(before, after) : null;
  const left = isText ? words.filter(([what]) => what !== "added").map(diffWord) : fieldValue(field, before);
  const right = isText ? words.filter(([what]) => what !== "removed").map(diffWord) : fieldValue(field, after);
  const name = h("div", { role: "rowheader" }, FIELD_LABELS[field] ?? field, kind === "same" ? null : h("span", { class: `sign ${kind}` }, CHANGE_LABELS[kind]));
  return h("div", { role: "row", class: `field ${kind}`, "data-field": field }, name, cell(left, "left"), cell(right, "right"));
}

const cell = (content, side) => h("div", { role: "cell", class: side }, content);

/** A part of `diffWords`: added, removed or unchanged text. */
export function diffWord([kind, text]) {
  if (kind === "same") return text;
  return h(kind === "added" ? "ins" : "del", {}, text);
}

/** A field's value for readers. */
export function fieldValue(field, value) {
  if (value === null) return h("span", { class: "nothing" }, "—");
  if (INSTANT_FIELDS.has(field)) return timeTag(value, { style: "exact" });
  if (Array.isArray(value)) return value.map((one) => h("div", { class: "url" }, String(one)));
  return String(value);
}

/** The fields of two documents as [{field, before, after, kind}]. Either document may be null. */
export function diffFields(before, after) {
  const known = [...ITEM_FIELDS, ...METADATA_FIELDS];
  const names = new Set([...known, ...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names]
    .filter((field) => field !== "id" && (before?.[field] !== undefined || after?.[field] !== undefined))
    .map((field) => ({ field, before: before?.[field] ?? null, after: after?.[field] ?? null }))
    .map((each) => ({ ...each, kind: changeKind(each) }));
}

function changeKind({ before, after }) {
  if (JSON.stringify(before) === JSON.stringify(after)) return "same";
  if (before === null) return "added";
  return after === null ? "removed" : "changed";
}
