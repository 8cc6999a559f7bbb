// Restores a version. A dialog shows the changes first. If the item changed meanwhile, the restore is refused.

import { actorField } from "./actor-field.js";
import { send } from "./api.js";
import { CHANGED_BY_EVERY_EVENT, FIELD_LABELS, diffFields, diffWord, fieldValue } from "./document-diff.js";
import { confirmDialog, h } from "./dom.js";
import { diffWords } from "./text-diff.js";

export function restoreButton({ now, shown, context, done }) {
  const changes = diffFields(now, shown).filter((each) => each.kind !== "same" && !CHANGED_BY_EVERY_EVENT.has(each.field));
  const open = () => confirmRestore({ now, shown, context, changes }).then((yes) => yes && done());
  const button = h("button", { type: "button", class: "primary", onclick: open, disabled: changes.length === 0 }, `Restore version ${shown.version}`);
  const hint = changes.length ? "A restore appends new events. The history stays complete." : "The item already equals this version.";
  return h("div", { class: "restore" }, button, h("span", { class: "muted" }, hint));
}

function confirmRestore({ now, shown, context, changes }) {
  const actor = actorField(context);
  const list = h("ul", { class: "change-list" }, changes.map(changeLine));
  const body = h("div", {}, h("p", {}, `“${now.name}” is at version ${now.version}. The restore changes:`), list, actor.element);
  return confirmDialog({ title: `Restore version ${shown.version}?`, body, action: "Restore", confirm: () => restore({ now, shown, actor }) });
}

function changeLine({ field, before, after }) {
  const isText = typeof before === "string" && typeof after === "string";
  const words = isText ? diffWords(before, after) : [["removed", fieldValue(field, before)], ["same", " → "], ["added", fieldValue(field, after)]];
  return h("li", {}, h("strong", {}, FIELD_LABELS[field] ?? field), " ", words.map(diffWord));
}

/** Restore, if the item still has the version that the dialog shows (`If-Match`). Returns an error message or null. */
async function restore({ now, shown, actor }) {
  const params = { version: shown.version, ...actor.params() };
  try {
    await send(`items/${now.id}/restore`, { method: "POST", params, headers: { "If-Match": `"${now.version}"` }, view: "item" });
    return null;
  } catch (error) {
    if (error.status !== 412) return error.message;
    return `The item changed meanwhile: it is at version ${error.facts.current_version} now. Cancel, review that version, and restore again.`;
  }
}
