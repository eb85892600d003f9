// Do to everything in the frames of the board what a reader could do: hover, focus, open, press,
// click. Runs in the board; the frames are of the same origin.

const HTTP = new Set(["http:", "https:", "mailto:"]);
const MATHML = "http://www.w3.org/1998/Math/MathML";
const XLINK = "http://www.w3.org/1999/xlink";
const MOUSE = ["mouseover", "mouseenter", "mousemove", "mousedown", "mouseup", "mouseout",
  "mouseleave", "dblclick", "auxclick", "contextmenu"];
const POINTER = ["pointerover", "pointerenter", "pointermove", "pointerdown", "pointerup",
  "pointerout", "pointerleave", "pointercancel"];
const KEY = ["keydown", "keypress", "keyup"];

const attempt = (what) => { try { return what(); } catch { return undefined; } };

function* everything(root) {
  for (const element of root.querySelectorAll("*")) {
    yield element;
    if (element.shadowRoot) yield* everything(element.shadowRoot);
    const inner = attempt(() => element.contentDocument);
    if (inner) yield* everything(inner);
  }
}

const documents = () => [...document.querySelectorAll("iframe")]
  .map((frame) => attempt(() => frame.contentDocument)).filter(Boolean);

// An ordinary link may be followed: it goes nowhere instead, and stays a link.
function disarm(element) {
  if (!["a", "area"].includes(element.localName) && element.namespaceURI !== MATHML) return;
  for (const [namespace, name] of [[null, "href"], [XLINK, "href"]]) {
    const address = element.getAttributeNS(namespace, name);
    if (address === null) continue;
    const url = attempt(() => new URL(address, element.baseURI));
    if (!url || HTTP.has(url.protocol)) {
      element.setAttributeNS(namespace, name, "#poked");
      element.removeAttribute("target");
    }
  }
}

function open(element) {
  if (element.localName === "details") element.open = true;
  if (element.localName === "dialog") attempt(() => element.showModal());
  if (element.popover) attempt(() => element.showPopover());
  if (element.play) attempt(() => element.play().catch(() => undefined));
  if (element.scrollHeight > element.clientHeight) element.scrollTop = 5;
}

function press(element) {
  attempt(() => element.focus());
  const view = element.ownerDocument.defaultView;
  const options = { bubbles: true, cancelable: true, composed: true, view };
  const send = (kind, name, more) =>
    attempt(() => element.dispatchEvent(new kind(name, { ...options, ...more })));
  for (const name of POINTER) send(view.PointerEvent, name, { isPrimary: true });
  for (const name of MOUSE) send(view.MouseEvent, name);
  for (const name of KEY) send(view.KeyboardEvent, name, { key: "Enter", code: "Enter" });
  // Each remaining handler is called, whatever its event is.
  for (const { name } of [...element.attributes]) {
    if (!name.startsWith("on")) continue;
    send(view.Event, name.slice(2));
    if (element.localName === "body") attempt(() => view.dispatchEvent(new view.Event(name.slice(2))));
  }
  if (element.requestSubmit) attempt(() => element.requestSubmit());
  if (element.click) attempt(() => element.click());
  else send(view.MouseEvent, "click");
}

const frame = () => new Promise((done) => requestAnimationFrame(done));
const settled = async (milliseconds) => {
  await frame();
  await frame();
  await new Promise((done) => setTimeout(done, milliseconds));
};

async function poke() {
  for (const root of documents()) for (const element of [...everything(root)]) disarm(element);
  for (const root of documents()) for (const element of [...everything(root)]) open(element);
  await settled(50);
  for (const root of documents()) for (const element of [...everything(root)]) attempt(() => press(element));
  await settled(100);
}

// The elements that the browser has built of each view: names and attributes, with the schemes of addresses.
function inventory() {
  return [...document.querySelectorAll("iframe")].map((frame) => {
    const root = attempt(() => frame.contentDocument);
    if (!root) return null;
    const ours = (element) => element.hasAttribute("data-harness") && element.attributes.length === 1;
    return [...everything(root)].filter((element) => !ours(element)).map((element) => ({
      tag: element.localName,
      namespace: element.namespaceURI,
      attributes: Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value])),
    }));
  });
}
