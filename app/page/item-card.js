// An item of the catalogue as a card.

import { h } from "./dom.js";
import { itemPicture, statusLabel } from "./icons.js";
import { hrefOf } from "./router.js";
import { timeTag } from "./time.js";

/** `key` identifies what else besides the version the card shows. `update` changes links and distance in place. */
export function itemCard(item, state, key, isNew) {
  const link = h("a", { "data-route": true }, item.name);
  const owner = h("a", { "data-route": true, class: "owner" }, item.owner_id);
  const distance = h("span", { class: "distance" });
  const foot = h("p", { class: "card-foot" }, owner, distance, timeTag(item.created_at, { style: "full" }));
  const body = h("div", { class: "card-body" }, h("p", { class: "card-head" }, item.category, statusLabel(item)), h("h2", {}, link), h("p", { class: "card-text" }, item.description), foot);
  const card = {
    version: item.version,
    element: h("li", { class: isNew ? "card is-new" : "card" }, itemPicture(item), body),
    update(newState, newKey, newItem) {
      card.key = newKey;
      link.setAttribute("href", hrefOf({ item: newItem.id, at: newState.at }));
      owner.setAttribute("href", hrefOf({ owner: newItem.owner_id, at: newState.at }));
      distance.textContent = newItem.distance_km === undefined ? "" : `${newItem.distance_km.toFixed(1)} km away`;
      return card;
    },
  };
  return card.update(state, key, item);
}
