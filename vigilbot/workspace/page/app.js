// The page: holds what the acting user sees, as the server last sent it, and draws it.

import { blocks } from "./blocks.js";
import { Composer } from "./composer.js";
import { say, Windows } from "./dialogs.js";
import { el, hash, icon, keyed, replace } from "./dom.js";
import { stored, typed } from "./mrkdwn.js";
import { People, walk } from "./people.js";
import { Side } from "./side.js";
import { Story } from "./story.js";
import { draw } from "./stream.js";
import { themed } from "./theme.js";

const $ = (id) => document.getElementById(id);
const HOME = "@home";
const kept = {
  get: (name, other) => { try { return sessionStorage.getItem(name) ?? other; } catch { return other; } },
  set: (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* without storage nothing is kept */ } },
};
const address = new URLSearchParams(location.search);
const view = { user: address.get("user") || kept.get("user", ""), channel: address.get("channel") || kept.get("channel", ""),
  thread: address.get("thread") || (address.has("channel") ? "" : kept.get("thread", "")), limit: 150, wire: false, number: 0 };

let now = null; // the snapshot
let jump = true; // the next drawing goes to the newest message
let jumpThread = true;
let following = false; // the story is playing
let seenReply = "";
let sought = address.get("message") || ""; // ts that a link led to
const read = JSON.parse(kept.get("read", "{}")); // user: channel: newest message read
const loaded = new Map(); // channel: newest message when the page was opened, read by everybody
const dismissed = new Set();

/* ---- what the drawing parts ask ---- */

const marked = (text) => stored(text, now.users);

const ctx = {
  get me() { return view.user; },
  get version() { return now?.version || ""; },
  user: (id) => now.people.get(id),
  channel: (id) => now.places.get(id),
  group: (id) => now.groups.find((g) => g.id === id),
  people: () => now.users.filter((u) => u.id !== "USLACKBOT"),
  places: () => now.channels.filter((c) => !c.direct),
  shortcuts: () => now.shortcuts || [],
  picture: (url) => (url.startsWith(`${now.files}`) ? url.replace(now.files, "/page/file/").split("?")[0] : ""),
  open: (id) => go(id),
  thread: (ts, focus = false) => openThread(ts, focus),
  act: (body) => act(body),
  marked, typed: (text) => typed(text, ctx),
  dismiss: (m) => { dismissed.add(m.ts); render(); },
  copy,
  clickOn: (m, element, block, chosen) => act({ do: "click", channel: m.channel, ts: m.ts, ...press(element, block, chosen) }),
  clickIn: (window, element, block, chosen) => act({ do: "click", channel: "", ts: "", view: window.id, ...press(element, block, chosen) }),
};

function press(element, block, chosen) {
  return { action: element.action_id || "", block: block.block_id || "", value: chosen?.value ?? chosen?.option?.value ?? "" };
}

async function act(body, quiet = false) {
  let answer;
  try {
    const response = await fetch("/page/act", { method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ user: view.user, ...body }) });
    answer = await response.json();
  } catch {
    answer = { ok: false, error: "The workspace is not reachable." };
  }
  if (!answer.ok && !quiet && body.do !== "submit") say(answer.error || "That did not work.", "error");
  if (answer.ok && answer.toast) say(answer.toast, answer.kind === "error" ? "error" : "");
  return answer;
}

async function copy(m) {
  const answer = await act({ do: "permalink", channel: m.channel, ts: m.ts });
  if (!answer.ok) return;
  try {
    await navigator.clipboard.writeText(answer.link);
    say("Link copied.");
  } catch {
    say(answer.link);
  }
}

/* ---- going places ---- */

function look(changes) {
  Object.assign(view, changes);
  kept.set("user", view.user);
  kept.set("channel", view.channel);
  kept.set("thread", view.thread);
  view.number += 1;
  if (live?.readyState === WebSocket.OPEN) live.send(JSON.stringify(view));
}

function go(channel) {
  document.body.dataset.pane = "stream";
  if (channel === view.channel) return render();
  jump = true;
  look({ channel, thread: "", limit: 150 });
  if (channel === HOME) act({ do: "open_home" });
  return undefined;
}

function openThread(ts, focus) {
  document.body.dataset.pane = "thread";
  jumpThread = true;
  if (ts !== view.thread) look({ thread: ts });
  else render();
  if (focus) setTimeout(() => threadComposer.field.focus(), 60);
}

/** Links to messages of this workspace lead there in this page, as the same person. */
function followed(event) {
  const link = event.target.closest?.("a[href]");
  const at = link && now && (link.href.startsWith(now.files.replace("/files/", "/")) || link.origin === location.origin)
    && /^\/archives\/(\w+)\/p(\d+)(\d{6})$/.exec(new URL(link.href).pathname);
  if (!at || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  sought = `${at[2]}.${at[3]}`;
  jump = jumpThread = true;
  document.body.dataset.pane = "thread";
  look({ channel: at[1], thread: new URL(link.href).searchParams.get("thread_ts") || sought, limit: 150 });
}

/** The message that a link led to stands out for a moment. */
function point() {
  if (!sought || !now.thread) return;
  const found = document.querySelector(`#threadlist [data-ts="${CSS.escape(sought)}"]`);
  if (!found) return;
  sought = "";
  found.scrollIntoView({ block: "center" });
  found.classList.add("sought");
}

function closeThread() {
  document.body.dataset.pane = "stream";
  look({ thread: "" });
  render();
}

function become(user) {
  jump = true;
  look({ user, thread: view.thread });
  if (view.channel === HOME) act({ do: "open_home" });
}

/* ---- drawing ---- */

function render() {
  if (!now) return;
  people.draw(now.users, view.user);
  drawChannels();
  drawStream();
  drawThread();
  point();
  drawBottom();
  windows.show(now.views, ctx);
  side.wire(now.wire || []);
  side.state(now);
}

function unread(c) {
  return c.member && c.id !== view.channel && Number(c.latest || 0) > Number(read[view.user]?.[c.id] || 0);
}

function drawChannels() {
  const mine = (read[view.user] ||= {});
  for (const c of now.channels) if (!(c.id in mine)) mine[c.id] = loaded.get(c.id) || "0";
  const here = now.places.get(view.channel);
  if (here && !document.hidden) mine[here.id] = here.latest || "0";
  kept.set("read", JSON.stringify(read));
  const row = (key, mark, name, on, extra = {}) => ({ key, hash: hash([name, key === view.channel, extra]), build: () => el("button", {
    class: `channelrow${extra.unread ? " unread" : ""}${extra.faint ? " faint" : ""}`, type: "button", tabindex: key === view.channel ? "0" : "-1",
    "aria-current": key === view.channel ? "page" : null, data: { focus: key },
    on: { click: on, keydown: (event) => walk(event, "ArrowUp", "ArrowDown") } }, el("span", { class: "channelmark", "aria-hidden": "true" }, mark()), el("span", { class: "channelname" }, name),
  extra.tag ? el("small", { class: "tag" }, extra.tag) : null, extra.unread ? el("span", { class: "unreaddot", title: "Unread" }, el("span", { class: "hidden" }, "unread")) : null) });
  const rows = [{ key: "h1", hash: "", build: () => el("h2", {}, "Channels") }];
  for (const c of now.channels.filter((one) => !one.direct)) {
    const tag = c.archived ? "archived" : c.external ? "shared" : "";
    rows.push(row(c.id, () => (c.private ? icon("lock") : "#"), c.name, () => go(c.id), { unread: unread(c), faint: !c.member, tag }));
  }
  rows.push({ key: "h2", hash: "", build: () => el("h2", {}, "App") });
  rows.push(row(HOME, () => icon("home"), `${now.app} home`, () => go(HOME)));
  for (const c of now.channels.filter((one) => one.direct)) {
    rows.push(row(c.id, () => icon("eye"), c.name, () => go(c.id), { unread: unread(c), tag: "direct" }));
  }
  keyed($("channels"), rows);
}

function streamTop(c) {
  if (view.channel === HOME) return [el("h1", {}, `${now.app}`), el("span", { class: "quiet" }, "App home, as only you see it")];
  if (!c) return [el("h1", {}, "No channel")];
  const bot = c.direct ? "" : c.bot ? `${now.app} is here` : `${now.app} is not here`;
  const invite = c.member && !c.bot && !c.direct && !c.archived ? el("button", { class: "button small", type: "button",
    on: { click: () => act({ do: "invite", channel: c.id }) } }, `Invite ${now.app}`) : null;
  return [el("h1", {}, c.private ? icon("lock") : c.direct ? "" : "#", c.name), c.external ? el("span", { class: "pill" }, "shared with others") : null,
    el("span", { class: "quiet" }, [c.members === 1 ? "1 member" : `${c.members} members`, bot].filter(Boolean).join(" · ")), invite];
}

function privately(thread) {
  return (now.ephemerals || []).filter((m) => !dismissed.has(m.ts) && (m.thread_ts || "") === thread && m.channel === view.channel);
}

const order = (a, b) => Number(a.ts) - Number(b.ts);

function drawStream() {
  const c = now.places.get(view.channel);
  const home = view.channel === HOME;
  const top = $("streamtop");
  const print = hash([c, home, now.app]);
  if (top.dataset.print !== print) { replace(top, streamTop(c)); top.dataset.print = print; }
  $("list").hidden = home;
  $("home").hidden = !home;
  document.title = home ? `${now.app} home` : c ? `${c.name} · ${now.workspace}` : now.workspace;
  if (home) drawHome();
  else {
    const list = [...now.messages.map((m) => ({ ...m, aside: privately(m.ts).length })), ...privately("")].sort(order);
    const earlier = now.more ? { key: "more", hash: String(view.limit), build: () => el("button", { class: "button earlier", type: "button",
      on: { click: () => look({ limit: view.limit + 150 }) } }, "Earlier messages") } : null;
    draw($("list"), list, ctx, { jump, top: list.length ? earlier : { key: "none", hash: "", build: () => el("p", { class: "nothing" }, "Nobody has written here yet.") } });
    jump = false;
  }
  drawFoot($("streamfoot"), streamComposer, c, home);
  streamComposer.at(`${view.user}/${view.channel}`, c ? `Message ${c.direct ? "" : "#"}${c.name} as ${ctx.user(view.user)?.name || "…"}` : "");
}

function drawFoot(foot, composer, c, home) {
  const state = home || !c ? "none" : c.archived ? "archived" : c.member ? "open" : "stranger";
  if (foot.dataset.state === state + view.channel) return;
  foot.dataset.state = state + view.channel;
  if (state === "none") replace(foot);
  else if (state === "archived") replace(foot, el("p", { class: "closed" }, "This channel is archived. Nobody can write here."));
  else if (state === "open") replace(foot, composer.form);
  else replace(foot, el("p", { class: "closed" }, "You are not in this channel. ",
    el("button", { class: "button primary", type: "button", on: { click: () => act({ do: "join", channel: c.id }) } }, "Join")));
}

function drawHome() {
  const box = $("home");
  const print = hash([now.home, view.user]);
  if (box.dataset.print === print) return;
  box.dataset.print = print;
  const inside = { ...ctx, inputs: false, click: (element, block, chosen) => ctx.clickIn(now.home, element, block, chosen) };
  replace(box, now.home ? el("div", { class: "homepage" }, blocks(now.home.blocks, inside))
    : el("p", { class: "nothing" }, `${now.app} has not made a page for you yet.`));
}

function drawThread() {
  const pane = $("thread");
  const open = Boolean(view.thread && view.channel !== HOME && now.thread);
  pane.hidden = !open;
  document.body.classList.toggle("threaded", open);
  if (!open) {
    if (document.body.dataset.pane === "thread" && !view.thread) document.body.dataset.pane = "stream";
    return;
  }
  const c = now.places.get(view.channel);
  if ($("threadtop").dataset.print !== `${view.channel}${c?.name}`) {
    $("threadtop").dataset.print = `${view.channel}${c?.name}`;
    replace($("threadtop"), el("h2", {}, "Thread"), el("span", { class: "quiet" }, c ? `${c.direct ? "" : "#"}${c.name}` : ""), el("span", { class: "spring" }),
      el("button", { class: "iconbutton", type: "button", "aria-label": "Close the thread", title: "Close (Esc)", on: { click: closeThread } }, icon("close")));
  }
  draw($("threadlist"), [...now.thread.messages, ...privately(view.thread)].sort(order), ctx, { inThread: true, jump: jumpThread });
  jumpThread = false;
  drawFoot($("threadfoot"), threadComposer, c, false);
  threadComposer.at(`${view.user}/${view.channel}/${view.thread}`, `Reply as ${ctx.user(view.user)?.name || "…"}`);
}

function drawBottom() {
  const pane = document.body.dataset.pane;
  const print = `${pane}${Boolean(view.thread)}`;
  if ($("bottom").dataset.print === print) return;
  $("bottom").dataset.print = print;
  const one = (name, mark, label) => el("button", { type: "button", "aria-current": pane === name ? "page" : null,
    on: { click: () => { document.body.dataset.pane = name; drawBottom(); } } }, icon(mark), label);
  replace($("bottom"), one("channels", "hash", "Channels"), one("stream", "reply", "Messages"),
    view.thread ? one("thread", "lines", "Thread") : null, one("side", "eye", now.app));
}

/* ---- following what happens ---- */

function follow(before) {
  const newest = now.newest_reply; // {channel, thread, ts, bot} in the channel looked at
  if (!newest || newest.ts === seenReply) return;
  seenReply = newest.ts;
  const typing = streamComposer.field.value || threadComposer.field.value;
  if (!before || typing || !newest.bot || window.innerWidth < 760) return;
  if (!view.thread || (following && view.thread !== newest.thread)) {
    jumpThread = true;
    look({ thread: newest.thread });
  }
}

function take(snapshot) {
  if (snapshot.number !== view.number) return;
  const before = now;
  now = snapshot;
  now.people = new Map(now.users.map((u) => [u.id, u]));
  now.places = new Map(now.channels.map((c) => [c.id, c]));
  $("brandname").textContent = now.workspace;
  if (view.user !== now.user || (view.channel !== HOME && view.channel !== now.channel)) {
    view.user = now.user; // the server chose, since we did not know any
    if (view.channel !== HOME) view.channel = now.channel;
    kept.set("user", view.user);
    kept.set("channel", view.channel);
  }
  if (!before) for (const c of now.channels) loaded.set(c.id, c.latest);
  if (!before && view.channel === HOME) act({ do: "open_home" });
  follow(before);
  render();
}

let live = null;
let retry = 300;

function connect() {
  live = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/page/live`);
  live.addEventListener("open", () => { retry = 300; $("lost").hidden = true; look({}); });
  live.addEventListener("message", (event) => take(JSON.parse(event.data)));
  live.addEventListener("close", () => {
    if (retry > 300) $("lost").hidden = false;
    setTimeout(connect, retry);
    retry = Math.min(5000, retry * 2);
  });
}

/* ---- the fixed parts ---- */

async function write(text, thread) {
  const command = text.startsWith("/") ? text.split(/\s+/, 1)[0] : "";
  if (command && thread) {
    return `${command} is not supported in threads. Sorry! In a thread write @${now.app} and what you want, for example “@${now.app} close”.`;
  }
  const body = command ? { do: "slash", channel: view.channel, command, text: marked(text.slice(command.length).trim()) }
    : { do: "say", channel: view.channel, thread, text: marked(text) };
  if (thread) jumpThread = true;
  else jump = true;
  const answer = await act(body, true);
  return answer.ok ? "" : answer.error || "That did not work.";
}

const streamComposer = new Composer({ label: "Message", send: (text) => write(text, ""), people: () => (now ? ctx.people() : []), command: () => now?.command });
const threadComposer = new Composer({ label: "Reply", send: (text) => write(text, view.thread), people: () => (now ? ctx.people() : []), command: () => "" });
const people = new People(become);
const windows = new Windows(act);
const side = new Side({ box: $("side"), base: document.documentElement.dataset.side, act: (body) => act(body), wired: (on) => on !== view.wire && look({ wire: on }) });
new Story($("story"), (playing) => { following = playing; });

themed($("theme"), address.get("theme") || kept.get("theme", ""), (choice) => kept.set("theme", choice));

function sided(open) {
  document.body.classList.toggle("sideclosed", !open);
  $("sidetoggle").setAttribute("aria-expanded", String(open));
}
replace($("mark"), icon("eye"));
replace($("sidetoggle"), icon("panel"));
$("sidetoggle").setAttribute("aria-label", "Behind the scenes");
$("sidetoggle").title = "Behind the scenes";
$("sidetoggle").addEventListener("click", () => sided(document.body.classList.contains("sideclosed")));
sided(window.innerWidth >= 1180);
document.addEventListener("click", followed);
document.addEventListener("visibilitychange", () => document.hidden || render());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && view.thread && !document.querySelector("dialog[open]")) closeThread();
});
connect();
