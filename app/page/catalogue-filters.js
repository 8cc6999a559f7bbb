// The catalogue's filters, search and order. Their values are parameters of the API.

import { fill, h, setText, setValue } from "./dom.js";

const STATUSES = [["active", "On offer"], ["swapped", "Swapped"], ["archived", "Archived"], ["any", "Any status"]];
const ORDERS = [["newest", "Newest first"], ["updated", "Last changed"], ["name", "By name"], ["nearest", "Nearest"]];
const SEARCH_DELAY_MS = 250;
const NUMBER = String.raw`[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?`;
const PLACE = new RegExp(`^${NUMBER},${NUMBER}$`, "i");

export function filterBar(changed) {
  let searchTimer = 0;
  const searchSoon = (changes) => {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(() => {
      searchTimer = 0;
      changed(changes);
    }, SEARCH_DELAY_MS);
  };
  const search = h("input", { type: "search", placeholder: "Search names and descriptions", "aria-label": "Search", maxlength: 200, oninput: () => searchSoon({ q: search.value }) });
  const status = select("Status", STATUSES, (value) => changed({ status: value }));
  const order = select("Order", ORDERS, (value) => changed({ sort: value === "newest" ? undefined : value }));
  const owner = h("input", { type: "text", placeholder: "any", maxlength: 100, onchange: () => changed({ owner: owner.value.trim() }) });
  const place = h("input", { type: "text", placeholder: "51.33, 12.34", onchange: () => placeChanged() });
  const km = h("input", { type: "number", min: 0.1, step: "any", placeholder: "any", onchange: () => placeChanged() });
  const placeChanged = () => {
    const near = place.value.replace(/\s/g, "");
    place.setCustomValidity(near && !PLACE.test(near) ? "Enter latitude and longitude in degrees, such as 51.33, 12.34" : near || !km.value ? "" : "Enter a place for the distance, such as 51.33, 12.34");
    if (place.reportValidity()) changed({ near, km: near ? km.value : "", sort: near ? "nearest" : undefined });
  };
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Category" });
  const moreFilters = h("details", { class: "more-filters" }, h("summary", {}, "Owner and place"), h("div", { class: "fields" }, labelled("Owner", owner), labelled("Near (latitude, longitude)", place), labelled("Within km", km)));
  const element = h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, h("div", { class: "row" }, search, status, order, moreFilters), chips);
  return {
    element,
    show(state) {
      if (!searchTimer) setValue(search, state.q ?? "");
      setValue(owner, state.owner ?? "");
      setValue(place, state.near ?? "");
      setValue(km, state.km ?? "");
      status.value = state.status ?? (state.owner ? "any" : "active");
      order.value = state.sort ?? "newest";
      order.querySelector("[value=nearest]").disabled = !state.near;
      if (state.owner || state.near) moreFilters.open = true;
      for (const chip of chips.children) setPressed(chip, state);
    },
    close: () => clearTimeout(searchTimer),
    /** `counts` cover all items. They are shown if the list is not filtered either. */
    categories(counts, state) {
      const names = new Set([...Object.keys(counts).sort(), ...(state.category ? [state.category] : [])]);
      const known = new Map([...chips.children].map((chip) => [chip.dataset.name, chip]));
      fill(chips, ["", ...names].map((name) => updateChip(known.get(name) ?? newChip(name, changed), name, counts, state)));
    },
  };
}

const labelled = (text, field) => h("label", {}, h("span", {}, text), field);

function select(label, options, changed) {
  return h("select", { "aria-label": label, onchange: (event) => changed(event.target.value) }, options.map(([value, text]) => h("option", { value }, text)));
}

function newChip(name, changed) {
  return h("button", { type: "button", class: "chip", "data-name": name, onclick: () => changed({ category: name }) }, name || "All", h("span", { class: "count" }));
}

function updateChip(chip, name, counts, state) {
  setPressed(chip, state);
  const count = name ? counts[name] ?? 0 : Object.values(counts).reduce((sum, one) => sum + one, 0);
  setText(chip.lastChild, showsAll(state) ? count.toLocaleString() : "");
  return chip;
}

const setPressed = (chip, { category = "" }) => chip.setAttribute("aria-pressed", String(category === chip.dataset.name));

const showsAll = ({ status, owner, q, near }) => (status ?? (owner ? "any" : "active")) === "any" && !q && !near;
