// Icons of event types, labels of statuses, pictures of items and their placeholders.

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

/** The icon and name of an event type. An unknown type is shown under its own name. */
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

/** A placeholder picture: shapes that depend on the category alone. */
function placeholder(category) {
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
 * Whether the page's policy allows an image, so that the page requests no image that the browser would block. Of the
 * service's own origin only the page's pictures are allowed: an item's owner must not make visitors send requests to the API.
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

/** A source of CATALOG_PAGE_IMAGES is a scheme, an origin, or all subdomains of a domain. */
function matchesSource(source, url) {
  const [scheme, domain] = source.split("//*");
  return source === url.protocol || source === url.origin || (scheme === url.protocol && domain !== undefined && url.host.endsWith(domain));
}

/** The item's first allowed picture over a placeholder, which shows if the picture does not load. */
export function itemPicture(item) {
  const frame = h("div", { class: "picture" }, placeholder(item.category));
  const address = item.image_urls.find(isAllowedImage);
  if (!address) return frame;
  const image = h("img", { alt: "", loading: "lazy", decoding: "async", src: new URL(address, document.baseURI).href });
  image.addEventListener("error", () => image.remove());
  frame.append(image);
  return frame;
}
