// DOM elements without a framework. Data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Create an element. `on…` adds a listener, `style` sets each property, true sets an attribute without a value. */
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

/** Absent children are left out. */
const childNodesOf = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/**
 * Replace the children, unless they are the same nodes in the same order: then nothing flickers. The focus moves to the
 * new element of the same kind and name, or else to the heading of the view.
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

/** Set a field only if its value differs: setting it discards what the visitor is typing. */
export function setValue(field, value) {
  if (field.value !== value) field.value = value;
}

/** Set the text only if it differs: setting it disturbs screen readers and selections. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let announceTimer = 0;

/** Announce a text to screen readers. Of several texts in quick succession only the last is announced. */
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
      setText(button, "Not copied: select the text");
    }
    setTimeout(() => setText(button, label), 1600);
  }
  return button;
}

/**
 * Open a modal dialog. Resolves to true if the visitor confirms. `confirm` returns an error that keeps the dialog open,
 * or null. While `confirm` runs, the dialog stays open to show the outcome. Afterwards the focus returns.
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

/** Close an open dialog because the visitor leaves the view. A running command continues. */
export function dismissDialog() {
  document.querySelector("dialog")?.dispatchEvent(new Event("dismiss"));
}
