// Slack's two text notations as nodes: mrkdwn with its escapes, and emoji names.

import { anchor, el, put } from "./dom.js";

const EMOJI = {
  "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎", white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌",
  eyes: "👀", tada: "🎉", pray: "🙏", heart: "❤️", smile: "😄", slightly_smiling_face: "🙂", joy: "😂", thinking_face: "🤔",
  warning: "⚠️", information_source: "ℹ️", bulb: "💡", rocket: "🚀", fire: "🔥", wave: "👋", ok_hand: "👌", raised_hands: "🙌",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", lock: "🔒", link: "🔗", memo: "📝", book: "📖", books: "📚", mag: "🔍",
  question: "❓", exclamation: "❗", speech_balloon: "💬", robot_face: "🤖", sparkles: "✨", bell: "🔔", no_bell: "🔕",
  clock1: "🕐", wastebasket: "🗑️", pencil2: "✏️", arrow_right: "➡️", point_right: "👉", star: "⭐", zzz: "💤", shield: "🛡️",
};

export const REACTIONS = ["+1", "eyes", "white_check_mark", "heart", "tada", "-1"];

export function emoji(name) {
  return EMOJI[name.split("::")[0]] || `:${name}:`;
}

export function unescaped(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** A person as a name in the text; the acting user's own name stands out. */
export function person(id, ctx) {
  const user = ctx.user(id);
  return el("span", { class: id === ctx.me ? "mention mine" : "mention" }, "@" + (user ? user.name : id));
}

export function place(id, ctx, label = "") {
  const channel = ctx.channel(id);
  if (!channel) return el("span", { class: "mention" }, "#" + (label || id));
  return el("button", { class: "mention plainbutton", type: "button", on: { click: () => ctx.open(id) } }, "#" + channel.name);
}

export function broadcast(name) {
  return el("span", { class: "mention mine" }, "@" + name);
}

/** A date token: `fallback` where the page cannot say it better. */
export function dated(seconds, fallback) {
  const at = new Date(Number(seconds) * 1000);
  return el("time", { title: Number.isNaN(at.getTime()) ? null : at.toLocaleString() }, fallback);
}

function token(inside, ctx) {
  const bar = inside.indexOf("|");
  const head = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : unescaped(inside.slice(bar + 1));
  if (head.startsWith("@")) return person(head.slice(1), ctx);
  if (head.startsWith("#")) return place(head.slice(1), ctx, label);
  if (head.startsWith("!date^")) return dated(head.split("^")[1], label || head);
  if (head.startsWith("!subteam^")) {
    const group = ctx.group(head.split("^")[1]);
    return broadcast(group ? group.handle : label.replace(/^@/, "") || "group");
  }
  if (head.startsWith("!")) return broadcast(label || head.slice(1));
  const url = unescaped(head);
  return anchor(url, label || url.replace(/^mailto:/, ""));
}

const WRAPS = [["*", "strong"], ["_", "em"], ["~", "s"]];
const INLINE = /<([^<>\n]+)>|`([^`\n]+)`|:([a-z0-9_+'-]+(?:::skin-tone-\d)?):|(^|[^\p{L}\p{N}])([*_~])(?=\S)([^\n]{0,400}?\S)\5(?![\p{L}\p{N}])/u;

/** One line or several without blocks. */
export function inline(text, ctx, depth = 0) {
  const out = document.createDocumentFragment();
  let rest = text;
  while (rest) {
    const hit = depth > 4 ? null : INLINE.exec(rest);
    if (!hit) {
      put(out, unescaped(rest));
      break;
    }
    put(out, unescaped(rest.slice(0, hit.index)));
    if (hit[1] !== undefined) put(out, token(hit[1], ctx));
    else if (hit[2] !== undefined) put(out, el("code", {}, unescaped(hit[2])));
    else if (hit[3] !== undefined) put(out, emoji(hit[3]));
    else {
      const tag = WRAPS.find(([mark]) => mark === hit[5])[1];
      put(out, hit[4], el(tag, {}, inline(hit[6], ctx, depth + 1)));
    }
    rest = rest.slice(hit.index + hit[0].length);
  }
  return out;
}

function lines(text, ctx) {
  const out = [];
  let quote = null;
  for (const line of text.split("\n")) {
    const quoted = /^(?:&gt;|>) ?/.exec(line);
    if (quoted) {
      if (!quote) out.push((quote = el("blockquote")));
      else put(quote, el("br"));
      put(quote, inline(line.slice(quoted[0].length), ctx));
    } else {
      quote = null;
      out.push(el("div", { class: line.trim() ? "line" : "line empty" }, inline(line, ctx)));
    }
  }
  return out;
}

/** A whole text with code blocks and quotes. */
export function mrkdwn(text, ctx) {
  const box = el("div", { class: "mrkdwn" });
  const parts = String(text || "").split("```");
  parts.forEach((part, n) => {
    if (n % 2 && n < parts.length - 1) put(box, el("pre", {}, unescaped(part.replace(/^\n|\n$/g, ""))));
    else {
      const whole = n % 2 ? "```" + part : part;
      const trimmed = whole.replace(n ? /^\n/ : /^$/, "").replace(n < parts.length - 1 ? /\n$/ : /$^/, "");
      if (trimmed || parts.length === 1) put(box, lines(trimmed, ctx));
    }
  });
  return box;
}

/** What somebody wrote, with the names after an @ as Slack's tokens; the longest name counts. */
export function stored(text, users) {
  let out = text;
  for (const user of [...users].sort((a, b) => b.name.length - a.name.length)) {
    out = out.split(`@${user.name}`).reduce((done, part) => (/[\p{L}\p{N}<]$/u.test(done) || /^[\p{L}\p{N}]/u.test(part)
      ? `${done}@${user.name}${part}` : `${done}<@${user.id}>${part}`));
  }
  return out;
}

/** A stored text as somebody would write it. */
export function typed(text, ctx) {
  return unescaped(String(text || "").replace(/<@(\w+)(?:\|[^>]*)?>/g, (_, id) => `@${ctx.user(id)?.name || id}`)
    .replace(/<#(\w+)(?:\|([^>]*))?>/g, (_, id, label) => `#${ctx.channel(id)?.name || label || id}`)
    .replace(/<!(\w+)>/g, "@$1").replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1"));
}
