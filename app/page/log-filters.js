// What of the log is shown: by type, item, actor and time.

import { h } from "./dom.js";
import { KINDS } from "./marks.js";
import { addressOf } from "./state.js";
import { fromField, now, toField, toInstant } from "./time.js";

const NAMES = { type: "type", subject: "item", user: "actor", request: "request", from: "from", to: "to" };

export function logFilters(changed) {
  const kinds = [["", "Every kind"], ...Object.entries(KINDS).map(([type, kind]) => [type, kind.name])];
  const type = h("select", { onchange: () => changed({ type: type.value }) }, kinds.map(([value, text]) => h("option", { value }, text)));
  const subject = h("input", { type: "number", min: 1, max: 2147483647, placeholder: "any", onchange: () => changed({ subject: subject.value }) });
  const user = h("input", { type: "text", maxlength: 100, placeholder: "anybody", onchange: () => changed({ user: user.value }) });
  const from = instantField((value) => changed({ from: value }));
  const to = instantField((value) => changed({ to: value }));
  const request = h("p", { class: "muted filter-note", hidden: true });
  const fields = [["Kind", type], ["Item", subject], ["Actor", user], ["From", from], ["Until", to]];
  const labels = fields.map(([text, field]) => h("label", {}, h("span", {}, text), field));
  const clear = h("a", { class: "button quiet", "data-here": true, href: addressOf({ view: "log" }) }, "Clear");
  return {
    element: h("form", { class: "filters log-filters", role: "search", "aria-label": "Filter the log", onsubmit: (event) => event.preventDefault() }, h("div", { class: "row" }, labels, clear), request),
    show(state) {
      type.value = state.type ?? "";
      subject.value = state.subject ?? "";
      user.value = state.user ?? "";
      from.value = state.from ? toField(Date.parse(state.from)) : "";
      to.value = state.to ? toField(Date.parse(state.to)) : "";
      request.hidden = !state.request;
      request.textContent = state.request ? `Only what belongs to the request ${state.request}.` : "";
      clear.hidden = !Object.keys(NAMES).some((name) => state[name]);
    },
  };
}

/** Local time in the field, UTC in the address; the future is now. */
function instantField(changed) {
  const field = h("input", { type: "datetime-local", step: 1, onchange: () => changed(valueOf()) });
  const valueOf = () => {
    const at = fromField(field.value);
    return Number.isFinite(at) ? toInstant(Math.min(at, now())) : undefined;
  };
  return field;
}
