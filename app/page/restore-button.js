// Back to how it was: shown before it is done, and refused if somebody was faster.

import { actorField } from "./actor-field.js";
import { send } from "./api.js";
import { NAMES, valueOf, wordOf } from "./document-diff.js";
import { ask, h } from "./dom.js";
import { BOOKKEEPING, fieldsOf, wordsOf } from "./text-diff.js";

export function restoreButton({ now, shown, context, done }) {
  const changes = fieldsOf(now, shown).filter((each) => each.kind !== "same" && !BOOKKEEPING.has(each.field));
  const open = () => confirmed({ now, shown, context, changes }).then((yes) => yes && done());
  const button = h("button", { type: "button", class: "primary", onclick: open, disabled: changes.length === 0 }, `Restore version ${shown.version}`);
  const note = changes.length ? "Records new events; nothing of the past is lost." : "It is just so now: there is nothing to restore.";
  return h("div", { class: "restore" }, button, h("span", { class: "muted" }, note));
}

function confirmed({ now, shown, context, changes }) {
  const actor = actorField(context);
  const list = h("ul", { class: "would" }, changes.map(lineOf));
  const body = h("div", {}, h("p", {}, `“${now.name}” is at version ${now.version}. This would change:`), list, actor.element);
  return ask({ title: `Restore version ${shown.version}?`, body, action: "Restore", confirm: () => restore({ now, shown, actor }) });
}

function lineOf({ field, before, after }) {
  const isText = typeof before === "string" && typeof after === "string";
  const words = isText ? wordsOf(before, after) : [["removed", valueOf(field, before)], ["same", " → "], ["added", valueOf(field, after)]];
  return h("li", {}, h("strong", {}, NAMES[field] ?? field), " ", words.map(wordOf));
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
