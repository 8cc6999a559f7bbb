// An item as a card.

import { h } from "./dom.js";
import { picture, statusOf } from "./icons.js";
import { addressOf } from "./router.js";
import { timeTag } from "./time.js";

/** `key` says what else but its version it was drawn for; `moved` changes its links to those of another instant. */
export function cardOf(item, state, key, isNew) {
  const link = h("a", { "data-here": true }, item.name);
  const owner = h("a", { "data-here": true, class: "owner" }, item.owner_id);
  const distance = h("span", { class: "distance" });
  const foot = h("p", { class: "foot" }, owner, distance, timeTag(item.created_at, { style: "full" }));
  const body = h("div", { class: "body" }, h("p", { class: "kind" }, item.category, statusOf(item)), h("h2", {}, link), h("p", { class: "text" }, item.description), foot);
  const card = {
    version: item.version,
    element: h("li", { class: isNew ? "card fresh" : "card" }, picture(item), body),
    moved(there, fresh, now) {
      card.key = fresh;
      link.setAttribute("href", addressOf({ item: now.id, at: there.at }));
      owner.setAttribute("href", addressOf({ owner: now.owner_id, at: there.at }));
      distance.textContent = now.distance_km === undefined ? "" : `${now.distance_km.toFixed(1)} km away`;
      return card;
    },
  };
  return card.moved(state, key, item);
}
