// Block Kit as nodes. `ctx` names people and places (user, group, channel, me, open) and says what a
// click does: ctx.click(element, block, chosen). Inputs of windows are read back with `values`.

import { anchor, el, icon, put, replace } from "./dom.js";
import { asked } from "./dialogs.js";
import { emoji, mrkdwn } from "./mrkdwn.js";
import { richText } from "./rich.js";

/** A text object; plain_text knows emoji names and nothing else. */
export function text(object, ctx) {
  if (!object) return null;
  if (object.type === "mrkdwn") return mrkdwn(object.text, ctx);
  return el("span", {}, plain(object));
}

export function plain(object) {
  return String(object?.text || "").replace(/:([a-z0-9_+-]+):/g, (_, name) => emoji(name));
}

function image(url, alt, ctx) {
  const shown = ctx.picture(url);
  if (!shown) return el("span", { class: "picture absent" }, icon("eye"), anchor(url, alt || "Image"));
  return el("img", { class: "picture", src: shown, alt: alt || "", loading: "lazy" });
}

async function clicked(button, element, block, ctx, chosen) {
  const confirm = chosen?.option?.confirm || element.confirm;
  if (confirm && !(await asked(confirm, ctx))) return;
  button.setAttribute("aria-busy", "true");
  try {
    await ctx.click(element, block, chosen);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function button(element, block, ctx) {
  const style = element.style === "primary" ? "button primary" : element.style === "danger" ? "button danger" : "button";
  const label = { class: style, "aria-label": element.accessibility_label || null, data: { focus: `${block.block_id}/${element.action_id}` } };
  const made = el("button", { ...label, type: "button" }, plain(element.text));
  made.addEventListener("click", () => {
    if (element.url && /^https?:/i.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
    clicked(made, element, block, ctx, null);
  });
  return made;
}

let menus = 0;

/** A button that opens a menu of {label, run, danger, detail}. Arrow keys, Esc and a click elsewhere work. */
export function menu(opener, entries, label) {
  const id = `menu${++menus}`;
  const box = el("div", { class: "menu", role: "menu", id, hidden: true, "aria-label": label });
  const holder = el("span", { class: "menuholder" }, opener, box);
  opener.setAttribute("aria-haspopup", "menu");
  opener.setAttribute("aria-expanded", "false");
  opener.setAttribute("aria-controls", id);
  const shut = (back) => {
    if (box.hidden) return;
    box.hidden = true;
    holder.classList.remove("openmenu");
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", away);
    document.removeEventListener("scroll", scrolled, true);
    if (back) opener.focus();
  };
  const away = (event) => holder.contains(event.target) || shut(false);
  const scrolled = (event) => box.contains(event.target) || shut(false);
  const items = () => [...box.querySelectorAll("[role=menuitem]")];
  const show = () => {
    replace(box, entries().map((entry) => el("button", {
      class: entry.danger ? "menuitem danger" : "menuitem", role: "menuitem", type: "button", tabindex: "-1",
      on: { click: () => { shut(true); entry.run(); } },
    }, el("span", {}, entry.label), entry.detail ? el("small", {}, entry.detail) : null)));
    box.hidden = false;
    holder.classList.add("openmenu");
    opener.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", away);
    const at = opener.getBoundingClientRect();
    const size = box.getBoundingClientRect();
    const down = at.bottom + 4 + size.height < window.innerHeight - 8;
    box.style.top = `${down ? at.bottom + 4 : Math.max(8, at.top - 4 - size.height)}px`;
    box.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - size.width - 8))}px`;
    document.addEventListener("scroll", scrolled, true);
    items()[0]?.focus();
  };
  opener.addEventListener("click", () => (box.hidden ? show() : shut(true)));
  holder.addEventListener("keydown", (event) => {
    if (box.hidden) return;
    const all = items();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      all[(to + all.length) % all.length]?.focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      event.stopPropagation();
      shut(event.key === "Escape");
    }
  });
  return holder;
}

function overflow(element, block, ctx) {
  const opener = el("button", { class: "button square", type: "button", "aria-label": "More for this answer",
    title: "More", data: { focus: `${block.block_id}/${element.action_id}` } }, icon("more"));
  const entries = () => (element.options || []).map((option) => ({
    label: plain(option.text), detail: option.description ? plain(option.description) : "",
    run: () => {
      if (option.url && /^https?:/i.test(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
      clicked(opener, element, block, ctx, { option });
    },
  }));
  return menu(opener, entries, "More for this answer");
}

function options(element, ctx) {
  if (element.type.endsWith("users_select")) return ctx.people().map((u) => ({ value: u.id, label: u.name }));
  if (element.type.endsWith("conversations_select") || element.type.endsWith("channels_select")) {
    return ctx.places().map((c) => ({ value: c.id, label: "#" + c.name }));
  }
  const grouped = (element.option_groups || []).flatMap((group) => group.options);
  return [...(element.options || []), ...grouped].map((o) => ({ value: o.value, label: plain(o.text), option: o }));
}

function initial(element) {
  const single = element.initial_option?.value ?? element.initial_user ?? element.initial_conversation ?? element.initial_channel;
  const many = element.initial_options?.map((o) => o.value) ?? element.initial_users ?? element.initial_conversations;
  return many ?? (single === undefined ? [] : [single]);
}

function choose(element, block, ctx) {
  const all = options(element, ctx);
  const first = initial(element);
  const box = el("select", { class: "select", "aria-label": plain(element.placeholder) || "Choose" });
  if (!first.length) put(box, el("option", { value: "", disabled: true, selected: true }, plain(element.placeholder) || "Choose…"));
  for (const o of all) put(box, el("option", { value: o.value, selected: first.includes(o.value) }, o.label));
  if (!ctx.inputs) box.addEventListener("change", () => {
    const chosen = all.find((o) => o.value === box.value);
    clicked(box, element, block, ctx, { option: chosen.option, value: box.value });
  });
  return box;
}

function several(element, block, ctx, one = false) {
  const first = initial(element);
  const all = options(element, ctx);
  const name = `${block.block_id}/${element.action_id}`;
  return el("div", { class: "choices", role: one ? "radiogroup" : "group" }, all.map((o) => {
    const box = el("input", { type: one ? "radio" : "checkbox", name, value: o.value });
    box.checked = first.includes(o.value);
    if (!ctx.inputs) box.addEventListener("change", () => clicked(box, element, block, ctx, { option: o.option, value: o.value }));
    const detail = o.option?.description ? el("small", {}, text(o.option.description, ctx)) : null;
    return el("label", { class: "choice" }, box, el("span", {}, o.label, detail));
  }));
}

function written(element) {
  const common = { class: "field", placeholder: plain(element.placeholder) || null, minlength: element.min_length || null,
    maxlength: element.max_length || null };
  if (element.multiline) {
    const box = el("textarea", { ...common, rows: Math.min(8, Math.max(3, (element.initial_value || "").split("\n").length + 1)) });
    box.value = element.initial_value || "";
    return box;
  }
  const kind = { number_input: "number", email_text_input: "email", url_text_input: "url" }[element.type] || "text";
  return el("input", { ...common, type: kind, value: element.initial_value || "" });
}

const ELEMENTS = {
  button, overflow,
  image: (e, _, ctx) => image(e.image_url, e.alt_text, ctx),
  static_select: choose, users_select: choose, conversations_select: choose, channels_select: choose, external_select: choose,
  multi_static_select: several, multi_users_select: several, multi_conversations_select: several, multi_channels_select: several,
  checkboxes: several, radio_buttons: (e, b, ctx) => several(e, b, ctx, true),
  plain_text_input: written, number_input: written, email_text_input: written, url_text_input: written,
};

function element(e, block, ctx) {
  const make = ELEMENTS[e.type];
  const node = make ? make(e, block, ctx) : el("span", { class: "unknown" }, `[${e.type}]`);
  Object.assign(node.dataset, { element: e.type, action: e.action_id || "", block: block.block_id || "" });
  return node;
}

let labels = 0;

function input(block, ctx) {
  const made = element(block.element, block, ctx);
  const id = `label${++labels}`;
  const field = made.matches("input,textarea,select") ? made : null;
  (field || made).setAttribute("aria-labelledby", id);
  if (field && !block.optional) field.setAttribute("aria-required", "true");
  (field || made).setAttribute("aria-describedby", `${id}e`);
  return el("div", { class: "input", data: { input: block.block_id } },
    el("div", { class: "label", id }, plain(block.label), block.optional ? el("small", {}, " optional") : null),
    made,
    block.hint ? el("small", { class: "hint" }, plain(block.hint)) : null,
    el("p", { class: "fielderror", id: `${id}e`, role: "alert", hidden: true }));
}

function section(block, ctx) {
  const fields = block.fields?.length
    ? el("div", { class: "fields" }, block.fields.map((f) => el("div", {}, text(f, ctx)))) : null;
  const words = el("div", { class: "sectiontext" }, text(block.text, ctx), fields);
  if (!block.accessory) return el("div", { class: "section" }, words);
  return el("div", { class: "section split" }, words, el("div", { class: "accessory" }, element(block.accessory, block, ctx)));
}

const BLOCKS = {
  section,
  input,
  rich_text: richText,
  header: (b) => el("h3", { class: "header" }, plain(b.text)),
  divider: () => el("hr"),
  image: (b, ctx) => el("figure", {}, b.title ? el("figcaption", {}, plain(b.title)) : null,
    image(b.image_url || b.slack_file?.url || "", b.alt_text, ctx)),
  context: (b, ctx) => el("div", { class: "context" }, b.elements.map((e) =>
    e.type === "image" ? image(e.image_url, e.alt_text, ctx) : el("span", { class: "contextpart" }, text(e, ctx)))),
  actions: (b, ctx) => el("div", { class: "actions" }, b.elements.map((e) => element(e, b, ctx))),
  context_actions: (b, ctx) => el("div", { class: "actions" }, (b.elements || []).map((e) => element(e, b, ctx))),
  markdown: (b, ctx) => el("div", { class: "markdown" }, mrkdwn(b.text, ctx)),
};

function one(block, ctx) {
  try {
    const make = BLOCKS[block.type];
    if (make) return make(block, ctx);
  } catch { /* a block that is not as Slack has it is shown like one that is unknown */ }
  return el("p", { class: "unknown" }, `This page cannot show this block of type ${block?.type}.`);
}

/** All blocks; one that the page does not know says so in its place. */
export function blocks(list, ctx) {
  return el("div", { class: "blocks" }, (list || []).map((block) => {
    const node = one(block, ctx);
    node.dataset.type = block?.type || "";
    return node;
  }));
}

/** What the inputs below `root` hold, in the shape of Slack's view state reduced to plain values:
 *  {block_id: {action_id: string | list of strings | null}}. */
export function values(root, list) {
  const found = {};
  for (const block of list || []) {
    if (block.type !== "input") continue;
    const e = block.element;
    const box = root.querySelector(`[data-input="${CSS.escape(block.block_id)}"]`);
    if (!box) continue;
    let value;
    if (e.type.startsWith("multi_") || e.type === "checkboxes") value = [...box.querySelectorAll("input:checked")].map((i) => i.value);
    else if (e.type === "radio_buttons") value = box.querySelector("input:checked")?.value ?? null;
    else value = box.querySelector("input,textarea,select").value || null;
    (found[block.block_id] ||= {})[e.action_id] = value;
  }
  return found;
}

/** Says at each field what is wrong with it and moves the focus to the first one; false when none is there. */
export function complain(root, errors) {
  for (const line of root.querySelectorAll(".fielderror")) line.hidden = true;
  let first = null;
  for (const [blockId, words] of Object.entries(errors || {})) {
    const box = root.querySelector(`[data-input="${CSS.escape(blockId)}"]`);
    if (!box) continue;
    const line = box.querySelector(".fielderror");
    line.textContent = words;
    line.hidden = false;
    first ||= box.querySelector("input,textarea,select");
    box.querySelector("input,textarea,select")?.setAttribute("aria-invalid", "true");
  }
  first?.focus();
  return first !== null;
}

