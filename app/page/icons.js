// What things look like: kinds of events by shape and colour, statuses, and drawings where there is no picture.

import { PAGE_FILES } from "./api.js";
import { h, svg } from "./dom.js";

export const EVENT_TYPES = {
  item_created: { name: "Created", tone: "created", path: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z" },
  item_updated: { name: "Updated", tone: "updated", path: "M8 1l7 7-7 7-7-7z" },
  item_status_changed: { name: "Status changed", tone: "status", path: "M2.5 2.5h11v11h-11z" },
  item_deleted: { name: "Deleted", tone: "deleted", path: "M3.2 1L8 5.8 12.8 1 15 3.2 10.2 8 15 12.8 12.8 15 8 10.2 3.2 15 1 12.8 5.8 8 1 3.2z" },
  item_restored: { name: "Restored", tone: "restored", path: "M8 1.5L15 14H1z" },
};
const UNKNOWN_TYPE = { name: "Version", tone: "unknown", path: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 3a3 3 0 1 0 0 6 3 3 0 0 0 0-6z" };

/** An event's kind; what nobody knows is shown by its own name. */
export const eventTypeOf = (type) => EVENT_TYPES[type] ?? { ...UNKNOWN_TYPE, name: type ?? UNKNOWN_TYPE.name };

export function eventIcon(type) {
  const eventType = eventTypeOf(type);
  return svg("svg", { viewBox: "0 0 16 16", class: `event-icon ${eventType.tone}`, "aria-hidden": "true" }, svg("path", { d: eventType.path }));
}

const STATUS_LABELS = { active: "On offer", swapped: "Swapped", archived: "Archived" };

export function statusLabel(item) {
  const deleted = Boolean(item.deleted_at);
  return h("span", { class: `status ${deleted ? "deleted" : item.status}` }, deleted ? "Deleted" : STATUS_LABELS[item.status] ?? item.status);
}

/** A few strokes instead of a picture; the same category always looks the same. */
function drawing(category) {
  const n = hash(category);
  const shapes = Array.from({ length: 3 }, (_, k) => {
    const seed = hash(`${category}${k}`);
    const place = { cx: 60 + (seed % 200), cy: 50 + ((seed >>> 8) % 140), r: 30 + ((seed >>> 16) % 50) };
    return svg("circle", { ...place, class: `shape b${k}` });
  });
  const initial = svg("text", { x: 160, y: 150, "text-anchor": "middle", class: "initial" }, [...category][0]?.toUpperCase() ?? "?");
  const attributes = { viewBox: "0 0 320 240", class: `placeholder hue${n % 6}`, "aria-hidden": "true", preserveAspectRatio: "xMidYMid slice" };
  return svg("svg", attributes, shapes, initial);
}

function hash(text) {
  let value = 2166136261;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 16777619);
  return value >>> 0;
}

const ALLOWED_SOURCES = document.querySelector("meta[name=image-sources]").content.split(" ").filter(Boolean);

/**
 * Whether the page's policy lets it load an image, so that it does not try what would be refused. Of its own origin only
 * its own pictures: who writes the address of one must not have others send requests elsewhere in their name.
 */
function isAllowedImage(address) {
  let url;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    return false;
  }
  return url.href.startsWith(PAGE_FILES.href) || ALLOWED_SOURCES.some((source) => matchesSource(source, url));
}

/** A source is a scheme, an origin, or the origins of all subdomains, as CATALOG_PAGE_IMAGES has them. */
function matchesSource(source, url) {
  const [scheme, domain] = source.split("//*");
  return source === url.protocol || source === url.origin || (scheme === url.protocol && domain !== undefined && url.host.endsWith(domain));
}

/** The item's first picture if the page may have it and it comes; else a drawing. */
export function itemPicture(item) {
  const frame = h("div", { class: "picture" }, drawing(item.category));
  const address = item.image_urls.find(isAllowedImage);
  if (!address) return frame;
  const image = h("img", { alt: "", loading: "lazy", decoding: "async", src: new URL(address, document.baseURI).href });
  image.addEventListener("error", () => image.remove());
  frame.append(image);
  return frame;
}
