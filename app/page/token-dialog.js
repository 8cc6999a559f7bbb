// The visitor's bearer token. The tab keeps it; it never appears in the address.

import { token } from "./api.js";
import { confirmDialog, h } from "./dom.js";

/** Ask for a token. Resolves to true if the visitor changed it. */
export async function askForToken() {
  const field = h("textarea", { rows: 4, autocomplete: "off", spellcheck: "false", autocapitalize: "off", onkeydown: submitOnEnter });
  const inUse = token.get() ? h("p", {}, describeToken(token.get())) : null;
  const removalHint = token.get() ? h("p", { class: "muted" }, "Leave the field empty to remove the token.") : null;
  const text = "The owner and admins can read an item’s history. Only admins can read the log and the projections. The token stays in this tab and is sent to this service only.";
  const body = h("div", {}, h("p", {}, text), inUse, h("label", {}, h("span", {}, "Bearer token"), field), removalHint);
  const confirm = async () => {
    const entered = field.value.trim().replace(/^Bearer\s+/i, "");
    if (/[^\x21-\x7e]/.test(entered)) return "This is not a token: it contains blanks or special characters. Paste the token alone.";
    token.set(entered);
    return null;
  };
  return confirmDialog({ title: "Your token", body, action: "Use this token", confirm });
}

/** Submit on Enter: a token is a single line. */
function submitOnEnter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

/** Describe a JWT by its claims. Only the service can verify them. */
function describeToken(text) {
  try {
    const claims = JSON.parse(atob(text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    const until = claims.exp ? ` until ${new Date(claims.exp * 1000).toLocaleString()}` : "";
    return `In use: the token of ${claims.email ?? claims.sub}${until}.`;
  } catch {
    return "A token is in use.";
  }
}
