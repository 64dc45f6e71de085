// Messages: the channel's stream and the thread beside it.

import { blocks, menu } from "./blocks.js";
import { asked } from "./dialogs.js";
import { clock, day, el, hash, icon, initials, keyed, put, tint } from "./dom.js";
import { emoji, mrkdwn, REACTIONS } from "./mrkdwn.js";

const TOGETHER = 300; // seconds in which one person's messages stand under one name

function author(m, ctx) {
  const known = ctx.user(m.user);
  return { name: known?.name || m.username || "Somebody", title: known?.title || "", bot: Boolean(known?.bot || m.bot_id),
    outside: Boolean(known?.external), id: m.user || m.bot_id || "" };
}

export function avatar(name, id, bot) {
  const face = el("span", { class: `avatar ${bot ? "bot" : tint(id || name)}`, "aria-hidden": "true" });
  return put(face, bot ? icon("eye") : initials(name));
}

function reactions(m, ctx) {
  if (!m.reactions?.length) return null;
  return el("div", { class: "reactions" }, m.reactions.map((r) => {
    const mine = r.users.includes(ctx.me);
    const names = r.users.map((id) => ctx.user(id)?.name || id).join(", ");
    return el("button", { class: mine ? "reaction mine" : "reaction", type: "button", "aria-pressed": String(mine),
      title: `${names}: :${r.name}:`, "aria-label": `${r.name}, ${r.users.length}`, data: { focus: `react/${r.name}` },
      on: { click: () => ctx.act({ do: mine ? "unreact" : "react", channel: m.channel, ts: m.ts, name: r.name }) },
    }, emoji(r.name), el("span", {}, String(r.users.length)));
  }));
}

function replies(m, ctx) {
  if (!m.reply_count && !m.aside) return null;
  const people = (m.reply_users || []).slice(0, 4).map((id) => {
    const user = ctx.user(id);
    return avatar(user?.name || id, id, user?.bot);
  });
  return el("button", { class: "replies", type: "button", data: { focus: "replies" }, on: { click: () => ctx.thread(m.ts) } },
    el("span", { class: "faces" }, people),
    m.reply_count ? el("strong", {}, m.reply_count === 1 ? "1 reply" : `${m.reply_count} replies`) : null,
    m.aside ? el("span", { class: "aside" }, icon("eye"), `${m.aside} only for you`) : null,
    m.latest_reply ? el("span", { class: "quiet" }, `last ${clock(m.latest_reply)}`) : null);
}

function editing(m, ctx, article) {
  const field = el("textarea", { class: "field", rows: "3", "aria-label": "Edit the message" });
  field.value = ctx.typed(m.text);
  const body = article.querySelector(".content");
  const kept = [...body.childNodes];
  const back = () => body.replaceChildren(...kept);
  const save = async () => {
    back();
    if (field.value.trim()) await ctx.act({ do: "edit", channel: m.channel, ts: m.ts, text: ctx.marked(field.value) });
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); back(); }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); save(); }
  });
  body.replaceChildren(field, el("div", { class: "actions" },
    el("button", { class: "button primary", type: "button", on: { click: save } }, "Save"),
    el("button", { class: "button", type: "button", on: { click: back } }, "Cancel")));
  field.focus();
}

async function remove(m, ctx) {
  const plain = (text) => ({ type: "plain_text", text });
  const question = { title: plain("Delete message"), text: plain("It will be gone for everybody."), style: "danger",
    confirm: plain("Delete"), deny: plain("Keep") };
  if (await asked(question, ctx)) await ctx.act({ do: "delete", channel: m.channel, ts: m.ts });
}

function tools(m, ctx, article, inThread) {
  const react = el("button", { class: "iconbutton", type: "button", "aria-label": "React", title: "React", data: { focus: "react" } }, icon("smile"));
  const more = el("button", { class: "iconbutton", type: "button", "aria-label": "More for this message", title: "More", data: { focus: "more" } }, icon("more"));
  const picks = () => REACTIONS.map((name) => ({ label: `${emoji(name)}  ${name.replaceAll("_", " ")}`,
    run: () => ctx.act({ do: "react", channel: m.channel, ts: m.ts, name }) }));
  const entries = () => {
    const list = ctx.shortcuts().map((s) => ({ label: s.name, detail: s.by || "",
      run: () => ctx.act({ do: "shortcut", channel: m.channel, ts: m.ts, callback: s.callback_id }) }));
    list.push({ label: "Copy link", run: () => ctx.copy(m) });
    if (m.user === ctx.me) {
      list.push({ label: "Edit message", run: () => editing(m, ctx, article) });
    }
    if (m.user === ctx.me || ctx.user(ctx.me)?.admin) {
      list.push({ label: "Delete message", danger: true, run: () => remove(m, ctx) });
    }
    return list;
  };
  return el("div", { class: "tools" }, menu(react, picks, "Reactions"),
    inThread ? null : el("button", { class: "iconbutton", type: "button", "aria-label": "Reply in thread", title: "Reply in thread",
      data: { focus: "reply" }, on: { click: () => ctx.thread(m.thread_ts || m.ts, true) } }, icon("reply")),
    menu(more, entries, "More for this message"));
}

function files(m, ctx) {
  if (!m.files?.length) return null;
  return el("div", { class: "files" }, m.files.map((file) => {
    const shown = ctx.picture(file.url_private || "");
    if (shown && String(file.mimetype || "").startsWith("image/")) {
      return el("img", { class: "picture large", src: shown, alt: file.title || file.name || "Image", loading: "lazy" });
    }
    return el("span", { class: "file" }, file.title || file.name || "File");
  }));
}

const SYSTEM = /^(channel_|group_)(join|leave|topic|purpose|name|archive|unarchive)|^bot_(add|remove)/;

function message(m, ctx, { inThread, together }) {
  const who = author(m, ctx);
  if (m.subtype === "tombstone") {
    return el("article", { class: "message system" }, el("div", { class: "content quiet" }, "This message was deleted."), replies(m, ctx));
  }
  if (SYSTEM.test(m.subtype || "")) {
    return el("article", { class: "message system" }, el("div", { class: "content quiet" }, mrkdwn(m.text, ctx)));
  }
  const card = who.bot && m.blocks?.some((b) => b.type !== "rich_text");
  const article = el("article", { class: `message${who.bot ? " automated" : ""}${together ? " together" : ""}${m.private ? " private" : ""}`,
    tabindex: "-1",
    "aria-label": `${who.name}, ${clock(m.ts)}`, data: { ts: m.ts, focus: "message" } });
  const byline = together ? null : el("header", {}, el("strong", {}, who.name),
    who.bot ? el("span", { class: "badge" }, "app") : null,
    who.title ? el("span", { class: who.outside ? "role outside" : "role" }, who.title) : null,
    el("time", { title: new Date(Number(m.ts) * 1000).toLocaleString() }, clock(m.ts)),
    m.edited && card ? el("span", { class: "edited" }, "edited") : null);
  const body = m.blocks?.length && (who.bot || !m.text) ? blocks(m.blocks, { ...ctx, inputs: false, click: (e, b, chosen) => ctx.clickOn(m, e, b, chosen) })
    : mrkdwn(m.text, ctx);
  const content = el("div", { class: card ? "content card" : "content" }, body);
  if (m.edited && !card) put([...content.querySelectorAll(".mrkdwn > .line")].at(-1) || content, el("span", { class: "edited" }, " (edited)"));
  const broadcast = m.subtype === "thread_broadcast" && !inThread
    ? el("button", { class: "also plainbutton", type: "button", on: { click: () => ctx.thread(m.thread_ts) } }, "replied in a thread") : null;
  put(article, together ? el("time", { class: "gutter" }, clock(m.ts, { short: true })) : avatar(who.name, who.id, who.bot),
    el("div", { class: "main" }, byline,
      m.private ? el("div", { class: "onlyyou" }, icon("eye"), "Only visible to you",
        el("button", { class: "plainbutton", type: "button", on: { click: () => ctx.dismiss(m) } }, "Dismiss")) : null,
      broadcast, content, files(m, ctx), reactions(m, ctx), inThread ? null : replies(m, ctx)),
    m.private ? null : tools(m, ctx, article, inThread));
  return article;
}

/** Rows for `keyed`: messages in order with a line at every new day. */
export function rows(list, ctx, inThread) {
  const out = [];
  let before = null;
  for (const m of list) {
    if (!inThread && (!before || day(before.ts) !== day(m.ts))) {
      out.push({ key: `day${day(m.ts)}`, hash: "", build: () => el("div", { class: "day", role: "separator" }, el("span", {}, day(m.ts))) });
      before = null;
    }
    const together = Boolean(before && before.user === m.user && !before.subtype && !m.subtype && !m.private && !before.private
      && !m.bot_id && m.ts - before.ts < TOGETHER);
    const names = (m.reactions || []).flatMap((r) => r.users);
    out.push({ key: (m.private ? "p" : "m") + m.ts, hash: hash([m, together, ctx.me, ctx.version, names.map((id) => ctx.user(id)?.name)]),
      build: () => message(m, ctx, { inThread, together }) });
    before = m;
  }
  return out;
}

const watched = new WeakMap(); // box: {foot: whether it is at its foot, size: what it was then}

const size = (box) => `${box.clientHeight}/${box.scrollHeight}`;

function toFoot(box) {
  const known = watched.get(box);
  if (known.foot) box.scrollTop = box.scrollHeight;
  known.size = size(box);
}

/** Arrow keys walk from message to message, beginning at the newest; Tab then reaches what can be done with one. */
function roam(box, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || (event.target !== box && !event.target.matches("article"))) return;
  event.preventDefault();
  const all = [...box.querySelectorAll("article")];
  const at = event.target === box ? all.length - (step < 0 ? 0 : 1) : all.indexOf(event.target);
  const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

/** A box that was at its foot stays there when it grows narrower, its pictures load or it is shown again. */
function watch(box) {
  const known = { foot: true, size: "" };
  watched.set(box, known);
  new ResizeObserver(() => toFoot(box)).observe(box);
  box.addEventListener("keydown", (event) => roam(box, event));
  box.addEventListener("load", () => toFoot(box), true);
  box.addEventListener("scroll", () => {
    if (!box.clientHeight) return;
    if (known.size !== size(box)) toFoot(box); // the layout moved it, nobody scrolled
    else known.foot = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  });
}

/** Draws a list into its box and stays at the foot when it was there. */
export function draw(box, list, ctx, { inThread = false, jump = false, top = null } = {}) {
  if (!watched.has(box)) watch(box);
  const all = rows(list, ctx, inThread);
  if (top) all.unshift(top);
  keyed(box, all);
  if (jump) watched.get(box).foot = true;
  toFoot(box);
}
