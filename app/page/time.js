// Formats instants and durations: local time with UTC on hover, and the API's format.

import { h, setText } from "./dom.js";

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
let clockOffsetMs = 0;

/** An estimate of the service's clock: the service refuses instants in its future. */
export const now = () => Date.now() + clockOffsetMs;

export function syncClock(serverNow, askedAt) {
  clockOffsetMs = Date.parse(serverNow) - (askedAt + Date.now()) / 2;
}

/** Milliseconds in the API's format, to the second. */
export const toInstant = (milliseconds) => new Date(Math.floor(milliseconds / 1000) * 1000).toISOString().replace(".000", "");

const INSTANT = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?)([Zz]|[+\- ]\d\d:\d\d)?)?$/;

/**
 * Normalize an instant of the API for browsers: without an offset it is UTC, a date is its first moment, a space before
 * an offset was a `+`. Any other text stays as it is, so that the API refuses it.
 */
export function normalizeInstant(text) {
  const [, date, time = "00:00:00", offset = "Z"] = INSTANT.exec(text) ?? [];
  return date ? `${date}T${time}${offset.replace(" ", "+").toUpperCase()}` : text;
}

/** An instant of the API as a text in UTC, to the microsecond. */
const utcText = (instant) => (instant.endsWith("Z") ? `${instant.slice(0, -1).replace("T", " ")} UTC` : utc(Date.parse(instant)));

/** Milliseconds as a text in UTC, to the second. */
export const utc = (milliseconds) => utcText(toInstant(milliseconds));

export function timeTag(instant, { style = "full" } = {}) {
  const time = h("time", {});
  setTime(time, instant, style);
  return time;
}

export function setTime(element, instant, style = "full") {
  element.setAttribute("datetime", instant);
  element.title = utcText(instant);
  setText(element, (style === "exact" ? exact : full).format(new Date(instant)));
}

export const dayText = (milliseconds) => day.format(milliseconds);
export const clockText = (milliseconds) => clock.format(milliseconds);
export const dateTimeText = (milliseconds) => full.format(milliseconds);

function unitOf(milliseconds) {
  if (milliseconds < MINUTE) return ["second", SECOND];
  if (milliseconds < HOUR) return ["minute", MINUTE];
  if (milliseconds < DAY) return ["hour", HOUR];
  if (milliseconds < 60 * DAY) return ["day", DAY];
  return milliseconds < 730 * DAY ? ["month", 30.44 * DAY] : ["year", 365.25 * DAY];
}

/** The time between two events, such as `3 days`. */
export function durationText(milliseconds) {
  const [unit, length] = unitOf(milliseconds);
  const count = Math.trunc(milliseconds / length);
  return milliseconds < SECOND ? "under 1 second" : `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Seconds in a unit that suits their size. */
export function secondsText(count) {
  if (count < 1) return `${Math.round(count * 1000)} ms`;
  if (count < 120) return `${count.toFixed(count < 10 ? 1 : 0)} s`;
  if (count < 7200) return `${Math.round(count / 60)} min`;
  return count < 172800 ? `${Math.round(count / 3600)} h` : `${Math.round(count / 86400)} days`;
}

/** The maximum of a datetime-local field. It limits the year to four digits, so that typing continues with the hour. */
export const LATEST_FIELD_VALUE = "9999-12-31T23:59:59";

/** Milliseconds as the value of a datetime-local field; empty for NaN. */
export function toFieldValue(milliseconds) {
  if (!Number.isFinite(milliseconds)) return "";
  const local = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * MINUTE);
  return local.toISOString().slice(0, 19);
}

export const fromFieldValue = (text) => (text ? new Date(text).getTime() : NaN);
