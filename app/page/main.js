// The page: the current view, the navigation, the token button and the connection banner.

import { API, onConnection, send, token } from "./api.js";
import { openCatalogue } from "./catalogue.js";
import { dismissDialog, fill, h, setText } from "./dom.js";
import { openItem } from "./item.js";
import { openLog } from "./log.js";
import { openProjections } from "./projections.js";
import { currentState, hrefOf, interceptLinks, onStateChange } from "./router.js";
import { clockText } from "./time.js";
import { askForToken } from "./token-dialog.js";

const VIEWS = { catalogue: openCatalogue, item: openItem, log: openLog, projections: openProjections };
const RETRY_MS = 2000;
const byId = (id) => document.getElementById(id);
const service = { environment: "development", authentication: "off" };
const context = { signIn, authentication: () => service.authentication };
let currentView = null;
let currentKey = null;
let retryTimer = 0;

function showView(state, { isShown = false, scrolled } = {}) {
  const isKnown = Object.hasOwn(VIEWS, state.view) && (state.view !== "item" || state.item);
  const name = isKnown ? state.view : "catalogue";
  const key = name === "item" ? `item ${state.item}` : name;
  showNavigation(name, state);
  if (isShown) return null;
  dismissDialog();
  if (currentView && currentKey === key) return currentView.update(state);
  currentView?.close();
  const isFirst = currentKey === null;
  currentKey = key;
  const main = byId("main");
  currentView = VIEWS[name](main, state, context);
  if (scrolled) currentView.ready?.then(() => scrollTo(0, scrolled));
  if (!isFirst) {
    scrollTo(0, 0);
    (main.querySelector("h1") ?? main).focus({ preventScroll: true });
  }
  return null;
}

function showNavigation(name, state) {
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    const isCurrent = link.dataset.view === name || (link.dataset.view === "catalogue" && name === "item");
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (link.dataset.view === "catalogue") link.setAttribute("href", hrefOf({ at: state.at }));
  }
}

async function signIn() {
  if (!(await askForToken())) return;
  showTokenButton();
  reopen();
}

function reopen() {
  currentView?.close();
  currentView = currentKey = null;
  showView(currentState());
}

function showTokenButton() {
  const button = byId("token");
  button.hidden = service.authentication === "off";
  setText(button, token.get() ? "Token in use" : "Enter a token");
}

/** Load the service's environment and authentication mode. Repeats while the service answers with an error. */
async function loadServiceInfo() {
  clearTimeout(retryTimer);
  try {
    const response = await send("/health");
    Object.assign(service, await response.json());
    byId("production").hidden = service.environment !== "production";
    showTokenButton();
  } catch (error) {
    if (error.status !== 0) retryTimer = setTimeout(loadServiceInfo, RETRY_MS);
  }
}

function showConnection(online) {
  const banner = byId("offline");
  banner.hidden = online;
  document.body.classList.toggle("disconnected", !online);
  if (online) {
    loadServiceInfo();
    currentView?.retry?.();
  } else {
    fill(banner, h("strong", {}, "The service cannot be reached. "), `The page shows data as of ${clockText(Date.now())} and reconnects by itself.`);
    pollHealth();
  }
}

function pollHealth() {
  setTimeout(async () => {
    try {
      await send("/health");
    } catch (error) {
      if (error.status === 0 || error.status === 504) pollHealth();
    }
  }, RETRY_MS);
}

byId("token").addEventListener("click", signIn);
byId("api").setAttribute("href", new URL("../../schema", API).href);
onConnection(showConnection);
document.addEventListener("visibilitychange", () => document.hidden || currentView?.retry?.());
onStateChange(showView);
interceptLinks();
loadServiceInfo();
showView(currentState(), { scrolled: history.state?.scrolled });
