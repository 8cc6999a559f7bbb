// The page: which view is open, and what stands around it.

import { API, onConnection, send, token } from "./api.js";
import { openCatalogue } from "./catalogue.js";
import { fill, h, leaveQuestion, setText } from "./dom.js";
import { openItem } from "./item.js";
import { openLog } from "./log.js";
import { openMachinery } from "./projections.js";
import { addressOf, followLinks, here, onChange } from "./router.js";
import { clockOf } from "./time.js";
import { askForToken } from "./token-dialog.js";

const VIEWS = { catalogue: openCatalogue, item: openItem, log: openLog, machinery: openMachinery };
const LOOK_AGAIN = 2000;
const byId = (id) => document.getElementById(id);
const service = { environment: "development", authentication: "off" };
const context = { signIn, authentication: () => service.authentication };
let open = null;
let shown = null;
let learning = 0;

function show(state, { isShown = false, scrolled } = {}) {
  const isKnown = Object.hasOwn(VIEWS, state.view) && (state.view !== "item" || state.item);
  const name = isKnown ? state.view : "catalogue";
  const key = name === "item" ? `item ${state.item}` : name;
  showNavigation(name, state);
  if (isShown) return null;
  leaveQuestion();
  if (open && shown === key) return open.update(state);
  open?.close();
  const isFirst = shown === null;
  shown = key;
  const main = byId("main");
  open = VIEWS[name](main, state, context);
  if (scrolled) open.ready?.then(() => scrollTo(0, scrolled));
  if (!isFirst) {
    scrollTo(0, 0);
    (main.querySelector("h1") ?? main).focus({ preventScroll: true });
  }
  return null;
}

function showNavigation(name, state) {
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    const is = link.dataset.view === name || (link.dataset.view === "catalogue" && name === "item");
    if (is) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (link.dataset.view === "catalogue") link.setAttribute("href", addressOf({ at: state.at }));
  }
}

async function signIn() {
  if (!(await askForToken())) return;
  showToken();
  reopen();
}

function reopen() {
  open?.close();
  open = shown = null;
  show(here());
}

function showToken() {
  const button = byId("token");
  button.hidden = service.authentication === "off";
  setText(button, token.get() ? "Token in use" : "Enter a token");
}

/** Where it is and what it asks for; again while it is not well, and when it can be reached again. */
async function learnService() {
  clearTimeout(learning);
  try {
    const response = await send("/health");
    Object.assign(service, await response.json());
    byId("production").hidden = service.environment !== "production";
    showToken();
  } catch (error) {
    if (error.status !== 0) learning = setTimeout(learnService, LOOK_AGAIN);
  }
}

function showConnection(online) {
  const banner = byId("offline");
  banner.hidden = online;
  document.body.classList.toggle("away", !online);
  if (online) {
    learnService();
    open?.retry?.();
  } else {
    fill(banner, h("strong", {}, "The catalogue cannot be reached. "), `What you see is as of ${clockOf(Date.now())}; it goes on by itself.`);
    lookAgain();
  }
}

function lookAgain() {
  setTimeout(async () => {
    try {
      await send("/health");
    } catch (error) {
      if (error.status === 0 || error.status === 504) lookAgain();
    }
  }, LOOK_AGAIN);
}

byId("token").addEventListener("click", signIn);
byId("api").setAttribute("href", new URL("../../schema", API).href);
onConnection(showConnection);
document.addEventListener("visibilitychange", () => document.hidden || open?.retry?.());
onChange(show);
followLinks();
learnService();
show(here(), { scrolled: history.state?.scrolled });
