// Who acts, where the service believes what one says: with tokens it knows.

import { h } from "./dom.js";

const ACTOR_KEY = "catalog-actor";

/** A field to ask by, and what a command's parameters have of it; neither where tokens say it. */
export function actorField(context) {
  if (context.authentication() !== "off") return { element: null, params: () => ({}) };
  const field = h("input", { type: "text", value: localStorage.getItem(ACTOR_KEY) ?? "demo-user", maxlength: 100, required: true });
  function params() {
    localStorage.setItem(ACTOR_KEY, field.value);
    return { user_id: field.value };
  }
  return { element: h("label", {}, h("span", {}, "Acting as"), field), params };
}
