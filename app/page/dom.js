// Elements without a framework: data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `on…` are listeners, `style` sets properties one by one, true is an attribute without a value. */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

function build(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...childNodesOf(children));
  return element;
}

/** What is not there for once is left out. */
const childNodesOf = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/**
 * Replace the children, unless they are the same nodes in the same order: then nothing flickers. What had the focus and
 * is there again, by its kind and name, has it again; else the heading of the view has it, rather than nothing.
 */
export function fill(element, ...children) {
  const nodes = childNodesOf(children);
  const same = nodes.length === element.childNodes.length && nodes.every((one, n) => one === element.childNodes[n]);
  if (same) return;
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...nodes);
  if (!focused || focused === document.activeElement) return;
  const successor = focused.isConnected ? focused : [...element.querySelectorAll(focused.tagName)].find((one) => accessibleName(one) === accessibleName(focused));
  (successor ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
}

const accessibleName = (element) => element.getAttribute("aria-label") ?? element.textContent;

/** Fields of time and others lose what is being typed when they are set, even to what they have. */
export function setValue(field, value) {
  if (field.value !== value) field.value = value;
}

/** Only if it differs, so that screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let announceTimer = 0;

/** Let screen readers know, politely, and of quick successions only the last. */
export function announce(text) {
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => setText(document.getElementById("announcer"), text), 400);
}

export function copyButton(text, label = "Copy") {
  const button = h("button", { type: "button", class: "quiet small", onclick: copy }, label);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      setText(button, "Copied");
    } catch {
      setText(button, "Select the text and copy it");
    }
    setTimeout(() => setText(button, label), 1600);
  }
  return button;
}

/**
 * A modal question. Resolves with true if it is confirmed; `confirm` answers with the reason to keep it open. While that
 * is under way nothing closes it, as what comes of it is to be seen. The focus goes back to where it was.
 */
export function confirmDialog({ title, body, action, danger = false, confirm = async () => null }) {
  return new Promise((resolve) => {
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const submitButton = h("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
    const cancel = h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel");
    const form = h("form", { onsubmit: submit }, h("h2", { id: "dialog-title" }, title), body, problem);
    form.append(h("div", { class: "actions" }, cancel, submitButton));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: closed, ondismiss: dismissed }, form);
    let answer = false;
    let isDismissed = false;
    async function submit(event) {
      event.preventDefault();
      submitButton.disabled = cancel.disabled = true;
      const refused = await confirm();
      submitButton.disabled = cancel.disabled = false;
      problem.hidden = !refused;
      setText(problem, refused ?? "");
      answer = !refused && !isDismissed;
      if (answer) dialog.close();
    }
    function dismissed() {
      isDismissed = true;
      dialog.close();
    }
    function closed() {
      if (submitButton.disabled && !isDismissed) return dialog.showModal();
      dialog.remove();
      return resolve(answer);
    }
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** One has gone elsewhere: whatever was asked is not answered, and what was under way goes on alone. */
export function dismissDialog() {
  document.querySelector("dialog")?.dispatchEvent(new Event("dismiss"));
}
