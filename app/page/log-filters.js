// The filters of the log: type, item, actor and time.

import { h } from "./dom.js";
import { EVENT_TYPES } from "./icons.js";
import { hrefOf } from "./router.js";
import { LATEST_FIELD_VALUE, fromFieldValue, now, toFieldValue, toInstant } from "./time.js";

const FILTERS = ["type", "subject", "user", "request", "from", "to"];

export function logFilters(changed) {
  const typeOptions = [["", "All types"], ...Object.entries(EVENT_TYPES).map(([type, kind]) => [type, kind.name])];
  const type = h("select", { onchange: () => changed({ type: type.value }) }, typeOptions.map(([value, text]) => h("option", { value }, text)));
  const subject = h("input", { type: "number", min: 1, max: 2147483647, placeholder: "any", onchange: () => changed({ subject: subject.value }) });
  const user = h("input", { type: "text", maxlength: 100, placeholder: "any", onchange: () => changed({ user: user.value }) });
  const from = instantField((value) => changed({ from: value }));
  const to = instantField((value) => changed({ to: value }));
  const request = h("p", { class: "muted filter-note", hidden: true });
  const fields = [["Type", type], ["Item", subject], ["Actor", user], ["From", from], ["Before", to]];
  const labels = fields.map(([text, field]) => h("label", {}, h("span", {}, text), field));
  const clear = h("a", { class: "button quiet", "data-route": true, href: hrefOf({ view: "log" }) }, "Clear");
  return {
    element: h("form", { class: "filters log-filters", role: "search", "aria-label": "Filter the log", onsubmit: (event) => event.preventDefault() }, h("div", { class: "row" }, labels, clear), request),
    show(state) {
      type.value = state.type ?? "";
      subject.value = state.subject ?? "";
      user.value = state.user ?? "";
      setInstant(from, Date.parse(state.from));
      setInstant(to, Date.parse(state.to));
      request.hidden = !state.request;
      request.textContent = state.request ? `Only events of request ${state.request}.` : "";
      clear.hidden = !FILTERS.some((name) => state[name]);
    },
  };
}

/** Set a field only if it names another instant: the visitor may be typing into it. */
function setInstant(field, at) {
  if (toFieldValue(fromFieldValue(field.value)) !== toFieldValue(at)) field.value = toFieldValue(at);
}

/** A field in local time for an address in UTC. A future instant becomes now. */
function instantField(changed) {
  const field = h("input", { type: "datetime-local", step: 1, max: LATEST_FIELD_VALUE, onchange: () => field.validity.badInput || changed(valueOf()) });
  const valueOf = () => {
    const at = fromFieldValue(field.value);
    return Number.isFinite(at) ? toInstant(Math.min(at, now())) : undefined;
  };
  return field;
}
