// The actor of a command: named by the visitor without authentication, known by the token with it.

import { h } from "./dom.js";

const ACTOR_KEY = "catalog-actor";

/** The field for the actor and the command's parameters from it. Both are empty where the token names the actor. */
export function actorField(context) {
  if (context.authentication() !== "off") return { element: null, params: () => ({}) };
  const field = h("input", { type: "text", value: localStorage.getItem(ACTOR_KEY) ?? "demo-user", maxlength: 100, required: true });
  function params() {
    localStorage.setItem(ACTOR_KEY, field.value);
    return { user_id: field.value };
  }
  return { element: h("label", {}, h("span", {}, "Acting as"), field), params };
}
