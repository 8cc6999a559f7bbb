// The catalogue's filters, search and order, as the API has them.

import { fill, h, setText, setValue } from "./dom.js";

const STATUSES = [["active", "On offer"], ["swapped", "Swapped"], ["archived", "Archived"], ["any", "Everything"]];
const ORDERS = [["newest", "Newest first"], ["updated", "Last changed"], ["name", "By name"], ["nearest", "Nearest"]];
const PAUSE = 250;
const NUMBER = String.raw`[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?`;
const PLACE = new RegExp(`^${NUMBER},${NUMBER}$`, "i");

export function filterBar(changed) {
  let waiting = 0;
  const later = (changes) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      waiting = 0;
      changed(changes);
    }, PAUSE);
  };
  const search = h("input", { type: "search", placeholder: "Search names and descriptions", "aria-label": "Search", maxlength: 200, oninput: () => later({ q: search.value }) });
  const status = choice("Status", STATUSES, (value) => changed({ status: value }));
  const order = choice("Order", ORDERS, (value) => changed({ sort: value === "newest" ? undefined : value }));
  const owner = h("input", { type: "text", placeholder: "Anybody", maxlength: 100, onchange: () => changed({ owner: owner.value.trim() }) });
  const place = h("input", { type: "text", placeholder: "51.33, 12.34", onchange: () => placed() });
  const km = h("input", { type: "number", min: 0.1, step: "any", placeholder: "any", onchange: () => placed() });
  const placed = () => {
    const near = place.value.replace(/\s/g, "");
    place.setCustomValidity(near && !PLACE.test(near) ? "Latitude and longitude in degrees, such as 51.33, 12.34" : near || !km.value ? "" : "Near what?");
    if (place.reportValidity()) changed({ near, km: near ? km.value : "", sort: near ? "nearest" : undefined });
  };
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Category" });
  const further = h("details", { class: "further" }, h("summary", {}, "Owner and place"), h("div", { class: "fields" }, labelled("Owner", owner), labelled("Near (latitude, longitude)", place), labelled("Within km", km)));
  const element = h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, h("div", { class: "row" }, search, status, order, further), chips);
  return {
    element,
    show(state) {
      if (!waiting) setValue(search, state.q ?? "");
      setValue(owner, state.owner ?? "");
      setValue(place, state.near ?? "");
      setValue(km, state.km ?? "");
      status.value = state.status ?? (state.owner ? "any" : "active");
      order.value = state.sort ?? "newest";
      order.querySelector("[value=nearest]").disabled = !state.near;
      if (state.owner || state.near) further.open = true;
      for (const chip of chips.children) press(chip, state);
    },
    close: () => clearTimeout(waiting),
    /** `counts` are of all items; they are shown where the list is of all, too. */
    categories(counts, state) {
      const names = new Set([...Object.keys(counts).sort(), ...(state.category ? [state.category] : [])]);
      const known = new Map([...chips.children].map((chip) => [chip.dataset.name, chip]));
      fill(chips, ["", ...names].map((name) => chipOf(known.get(name) ?? newChip(name, changed), name, counts, state)));
    },
  };
}

const labelled = (text, field) => h("label", {}, h("span", {}, text), field);

function choice(label, options, changed) {
  return h("select", { "aria-label": label, onchange: (event) => changed(event.target.value) }, options.map(([value, text]) => h("option", { value }, text)));
}

function newChip(name, changed) {
  return h("button", { type: "button", class: "chip", "data-name": name, onclick: () => changed({ category: name }) }, name || "All", h("span", { class: "count" }));
}

function chipOf(chip, name, counts, state) {
  press(chip, state);
  const count = name ? counts[name] ?? 0 : Object.values(counts).reduce((sum, one) => sum + one, 0);
  setText(chip.lastChild, isOfAll(state) ? count.toLocaleString() : "");
  return chip;
}

const press = (chip, { category = "" }) => chip.setAttribute("aria-pressed", String(category === chip.dataset.name));

const isOfAll = ({ status, owner, q, near }) => (status ?? (owner ? "any" : "active")) === "any" && !q && !near;
