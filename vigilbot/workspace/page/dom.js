// Making elements. Nothing here, or anywhere on the page, turns a text into markup: texts become text nodes.

import { written } from "./glyphs.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element. `props`: class, data (object), on (object of listeners), any other key is an attribute;
 *  null and false leave an attribute out. Children: nodes, strings, lists of them, null. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "on") for (const [kind, listener] of Object.entries(value)) node.addEventListener(kind, listener);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "value" && "value" in node) node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  put(node, children);
  return node;
}

export function put(node, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    if (child instanceof Node) node.append(child);
    else node.append(...written(String(child)));
  }
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren();
  return put(node, ...children);
}

const ICONS = {
  reply: "M4 4h16v11H10l-5 4v-4H4z",
  more: "M5 11.5v1M12 11.5v1M19 11.5v1",
  smile: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18M8.5 14.5c1.8 2.2 5.2 2.2 7 0M9 9.5h.01M15 9.5h.01",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12l16-8l-5 16l-4-6z",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14M16 5v14",
  step: "M6 5v14l9-7zM19 5v14",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  left: "M15 5l-7 7l7 7",
  right: "M9 5l7 7l-7 7",
  eye: "M2.5 12S6 5.5 12 5.5S21.5 12 21.5 12S18 18.5 12 18.5S2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6",
  hash: "M9.5 4L7.5 20M16.5 4L14.5 20M4.5 9h16M3.5 15h16",
  lines: "M5 6h14M5 12h10M5 18h6",
  panel: "M14 4v16M4 5h16v14H4z",
  home: "M4 11l8-7l8 7v9h-5v-6H9v6H4z",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.6l-1.3 1.3M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.6l1.3-1.3",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Brings `box` to the rows given as {key, hash, build}: a row is built again only when its hash changed. */
export function keyed(box, rows) {
  const old = new Map();
  for (const child of [...box.children]) old.set(child.dataset.key, child);
  let before = null;
  for (const row of rows) {
    let node = old.get(row.key);
    old.delete(row.key);
    if (!node || node.dataset.hash !== row.hash) {
      const fresh = row.build();
      fresh.dataset.key = row.key;
      fresh.dataset.hash = row.hash;
      if (node) exchange(node, fresh);
      node = fresh;
    }
    const place = before ? before.nextSibling : box.firstChild;
    if (node !== place) box.insertBefore(node, place);
    before = node;
  }
  for (const gone of old.values()) gone.remove();
}

/** Puts one node in the place of another and keeps the focus on what has the same data-focus. */
export function exchange(node, fresh) {
  const focus = node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  node.replaceWith(fresh);
  if (focus) (fresh.dataset.focus === focus ? fresh : fresh.querySelector(`[data-focus="${CSS.escape(focus)}"]`))?.focus();
}

export function hash(value) {
  const text = JSON.stringify(value) || "";
  let number = 5381;
  for (let i = 0; i < text.length; i++) number = ((number * 33) ^ text.charCodeAt(i)) >>> 0;
  return `${number}:${text.length}`;
}

const WEB = /^(https?:\/\/|mailto:)/i;

/** A link that cannot reach back to the page; anything but a web address stays text. */
export function anchor(url, ...children) {
  const shown = children.length ? children : [url];
  if (!WEB.test(url)) return el("span", {}, ...shown);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, ...shown);
}

/** `at`: a message's ts, seconds since 1970, or an ISO time. */
export function clock(at, { seconds = false, short = false } = {}) {
  const stamp = typeof at === "number" || /^\d+(\.\d+)?$/.test(at);
  const moment = stamp ? new Date(Number(at) * 1000) : new Date(at);
  if (Number.isNaN(moment.getTime())) return "";
  const how = { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}), ...(short ? { hourCycle: "h23" } : {}) };
  return moment.toLocaleTimeString([], how);
}

export function day(ts) {
  const at = new Date(Number(ts) * 1000);
  return at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

/** One of eight tints for a name, always the same one. */
export function tint(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return `tint${sum % 8}`;
}

export function initials(name) {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] || "?") + (words.length > 1 ? words.at(-1)[0] : "")).toUpperCase();
}
