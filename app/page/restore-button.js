// Back to how it was: shown before it is done, and refused if somebody was faster.

import { actorField } from "./actor-field.js";
import { send } from "./api.js";
import { CHANGED_BY_EVERY_EVENT, FIELD_LABELS, diffFields, diffWord, fieldValue } from "./document-diff.js";
import { confirmDialog, h } from "./dom.js";
import { diffWords } from "./text-diff.js";

export function restoreButton({ now, shown, context, done }) {
  const changes = diffFields(now, shown).filter((each) => each.kind !== "same" && !CHANGED_BY_EVERY_EVENT.has(each.field));
  const open = () => confirmRestore({ now, shown, context, changes }).then((yes) => yes && done());
  const button = h("button", { type: "button", class: "primary", onclick: open, disabled: changes.length === 0 }, `Restore version ${shown.version}`);
  const hint = changes.length ? "Records new events; nothing of the past is lost." : "It is just so now: there is nothing to restore.";
  return h("div", { class: "restore" }, button, h("span", { class: "muted" }, hint));
}

function confirmRestore({ now, shown, context, changes }) {
  const actor = actorField(context);
  const list = h("ul", { class: "change-list" }, changes.map(changeLine));
  const body = h("div", {}, h("p", {}, `“${now.name}” is at version ${now.version}. This would change:`), list, actor.element);
  return confirmDialog({ title: `Restore version ${shown.version}?`, body, action: "Restore", confirm: () => restore({ now, shown, actor }) });
}

function changeLine({ field, before, after }) {
  const isText = typeof before === "string" && typeof after === "string";
  const words = isText ? diffWords(before, after) : [["removed", fieldValue(field, before)], ["same", " → "], ["added", fieldValue(field, after)]];
  return h("li", {}, h("strong", {}, FIELD_LABELS[field] ?? field), " ", words.map(diffWord));
}

/** Only if it still is as it was shown: `If-Match`. Answers with what was refused, if it was. */
async function restore({ now, shown, actor }) {
  const params = { version: shown.version, ...actor.params() };
  try {
    await send(`items/${now.id}/restore`, { method: "POST", params, headers: { "If-Match": `"${now.version}"` }, view: "item" });
    return null;
  } catch (error) {
    if (error.status !== 412) return error.message;
    return `Somebody was faster: it is at version ${error.facts.current_version} now. Cancel, look, and decide again.`;
  }
}
