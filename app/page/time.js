// Instants as people read them: local, with UTC on hover; and as the API does.

import { h } from "./dom.js";

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
let ahead = 0;

/** The service's clock, as far as we know: what is the future for it is refused. */
export const now = () => Date.now() + ahead;

export function learnClock(serversNow, askedAt) {
  ahead = Date.parse(serversNow) - (askedAt + Date.now()) / 2;
}

/** Milliseconds as the API takes them, to the second. */
export const toInstant = (milliseconds) => new Date(Math.floor(milliseconds / 1000) * 1000).toISOString().replace(".000", "");

const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?)([Zz]|[+\- ]\d\d:\d\d)?)?$/;

/**
 * An instant as the API takes it, written so that a browser takes it for the same: without an offset it is UTC, a date
 * is its first moment, a space before an offset was a `+`. What is no instant stays, for the API to refuse.
 */
export function normal(text) {
  const [, date, time = "00:00:00", offset = "Z"] = INSTANT.exec(text) ?? [];
  return date ? `${date}T${time}${offset.replace(" ", "+").toUpperCase()}` : text;
}

export const utc = (instant) => `${new Date(instant).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export function timeTag(instant, { style = "full" } = {}) {
  const text = (style === "exact" ? exact : full).format(new Date(instant));
  return h("time", { datetime: instant, title: utc(instant) }, style === "ago" ? ago(instant) : text);
}

export const dayOf = (milliseconds) => day.format(milliseconds);
export const clockOf = (milliseconds) => clock.format(milliseconds);
export const inWords = (milliseconds) => full.format(milliseconds);

export function ago(instant) {
  const passed = Date.parse(instant) - now();
  const [unit, length] = unitOf(Math.abs(passed));
  return relative.format(Math.trunc(passed / length), unit);
}

function unitOf(milliseconds) {
  if (milliseconds < MINUTE) return ["second", SECOND];
  if (milliseconds < HOUR) return ["minute", MINUTE];
  if (milliseconds < DAY) return ["hour", HOUR];
  if (milliseconds < 60 * DAY) return ["day", DAY];
  return milliseconds < 730 * DAY ? ["month", 30.44 * DAY] : ["year", 365.25 * DAY];
}

/** A span such as `3 days`, for what lies between two events. */
export function span(milliseconds) {
  const [unit, length] = unitOf(milliseconds);
  const count = Math.trunc(milliseconds / length);
  return milliseconds < SECOND ? "at once" : `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Seconds as an operator reads them. */
export function seconds(count) {
  if (count < 1) return `${Math.round(count * 1000)} ms`;
  if (count < 120) return `${count.toFixed(count < 10 ? 1 : 0)} s`;
  if (count < 7200) return `${Math.round(count / 60)} min`;
  return count < 172800 ? `${Math.round(count / 3600)} h` : `${Math.round(count / 86400)} days`;
}

/** What an input of type datetime-local holds and gives; nothing for what is no instant. */
export function toField(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "";
  const local = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * MINUTE);
  return local.toISOString().slice(0, 19);
}

export const fromField = (text) => (text ? new Date(text).getTime() : NaN);
