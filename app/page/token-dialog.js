// The visitor's token, where authentication is on: kept for this tab, never in the address.

import { token } from "./api.js";
import { confirmDialog, h } from "./dom.js";

/** Ask for it; resolves when it was changed. */
export async function askForToken() {
  const field = h("textarea", { rows: 4, autocomplete: "off", spellcheck: "false", autocapitalize: "off", onkeydown: submitOnEnter });
  const inUse = token.get() ? h("p", {}, describeToken(token.get())) : null;
  const removalHint = token.get() ? h("p", { class: "muted" }, "Leave it empty to go on without one.") : null;
  const text = "An item’s history is for its owner and for admins, the log and the projections are for admins. The token stays in this tab, and goes to this service alone.";
  const body = h("div", {}, h("p", {}, text), inUse, h("label", {}, h("span", {}, "Bearer token"), field), removalHint);
  const confirm = async () => {
    const entered = field.value.trim().replace(/^Bearer\s+/i, "");
    if (/[^\x21-\x7e]/.test(entered)) return "That is no token: it has blanks or odd characters in it.";
    token.set(entered);
    return null;
  };
  return confirmDialog({ title: "Your token", body, action: "Use it", confirm });
}

/** There are no lines in a token. */
function submitOnEnter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

/** What a JWT says of itself; whether it is right, only the service knows. */
function describeToken(text) {
  try {
    const claims = JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    const until = claims.exp ? ` until ${new Date(claims.exp * 1000).toLocaleString()}` : "";
    return `In use: the token of ${claims.email ?? claims.sub}${until}.`;
  } catch {
    return "A token is in use.";
  }
}
