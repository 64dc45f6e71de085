// rich_text blocks as nodes.

import { anchor, el, put } from "./dom.js";
import { broadcast, dated, emoji, person, place } from "./mrkdwn.js";

const BULLETS = ["disc", "circle", "square"];
const NUMBERS = ["decimal", "lower-alpha", "lower-roman"];

function styled(node, style) {
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) {
    if (style?.[name]) node = el(tag, {}, node);
  }
  return node;
}

const LEAVES = {
  text: (e) => el("span", {}, e.text),
  link: (e) => anchor(e.url, e.text || e.url),
  user: (e, ctx) => person(e.user_id, ctx),
  usergroup: (e, ctx) => broadcast(ctx.group(e.usergroup_id)?.handle || "group"),
  channel: (e, ctx) => place(e.channel_id, ctx),
  broadcast: (e) => broadcast(e.range),
  emoji: (e) => el("span", { title: `:${e.name}:` }, emoji(e.name)),
  date: (e) => dated(e.timestamp, e.fallback || e.format),
  color: (e) => el("code", {}, e.value),
};

function leaves(elements, ctx) {
  return (elements || []).map((e) => {
    const leaf = LEAVES[e.type];
    return styled(leaf ? leaf(e, ctx) : el("span", { class: "unknown" }, `[${e.type}]`), e.style);
  });
}

function list(e, ctx, start) {
  const indent = e.indent || 0;
  const ordered = e.style === "ordered";
  const box = el(ordered ? "ol" : "ul", { class: "richlist", start: ordered ? start : null });
  box.style.marginInlineStart = `${indent * 1.4}rem`;
  box.style.listStyleType = (ordered ? NUMBERS : BULLETS)[indent % 3];
  if (e.border) box.classList.add("bordered");
  return put(box, (e.elements || []).map((item) => el("li", {}, leaves(item.elements, ctx))));
}

/** Lists of one indent continue their numbers across deeper ones, as Slack shows them. */
export function richText(block, ctx) {
  const box = el("div", { class: "richtext" });
  const counts = new Map();
  for (const e of block.elements || []) {
    if (e.type !== "rich_text_list") counts.clear();
    if (e.type === "rich_text_section") put(box, el("div", { class: "richsection" }, leaves(e.elements, ctx)));
    else if (e.type === "rich_text_quote") put(box, el("blockquote", {}, leaves(e.elements, ctx)));
    else if (e.type === "rich_text_preformatted") put(box, el("pre", {}, leaves(e.elements, ctx)));
    else if (e.type === "rich_text_list") {
      const indent = e.indent || 0;
      for (const deeper of [...counts.keys()]) if (deeper > indent) counts.delete(deeper);
      const start = e.offset !== undefined ? e.offset + 1 : (counts.get(indent) || 0) + 1;
      counts.set(indent, start - 1 + (e.elements || []).length);
      put(box, list(e, ctx, start));
    } else put(box, el("p", { class: "unknown" }, `Unknown part: ${e.type}`));
  }
  return box;
}
