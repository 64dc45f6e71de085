// Windows over the page: the app's own (modals), confirmations, and short words at the foot of the page.

import { blocks, complain, plain, text, values } from "./blocks.js";
import { el, hash, icon, put, replace } from "./dom.js";

/** Asks what a block's `confirm` says; true for yes. Esc and a click beside it are no. */
export function asked(confirm, ctx) {
  return new Promise((resolve) => {
    const box = el("dialog", { class: "window small", "aria-labelledby": "confirmtitle" });
    const done = (yes) => { box.close(); box.remove(); resolve(yes); };
    const yes = el("button", { class: confirm.style === "danger" ? "button danger" : "button primary", type: "button",
      on: { click: () => done(true) } }, plain(confirm.confirm) || "Yes");
    put(box, el("div", { class: "windowtop" }, el("h2", { id: "confirmtitle" }, plain(confirm.title) || "Are you sure?")),
      el("div", { class: "windowbody" }, text(confirm.text, ctx)),
      el("div", { class: "windowfoot" },
        el("button", { class: "button", type: "button", on: { click: () => done(false) } }, plain(confirm.deny) || "No"), yes));
    box.addEventListener("cancel", (event) => { event.preventDefault(); done(false); });
    box.addEventListener("click", (event) => event.target === box && done(false));
    document.body.append(box);
    box.showModal();
    yes.focus();
  });
}

/** A line at the foot of the page for some seconds; read out by screen readers. */
export function say(words, kind = "info") {
  const box = document.getElementById("toasts");
  const line = el("div", { class: `toast ${kind}`, role: kind === "error" ? "alert" : "status" }, words,
    el("button", { class: "iconbutton", type: "button", "aria-label": "Hide", on: { click: () => line.remove() } }, icon("close")));
  box.append(line);
  setTimeout(() => line.remove(), kind === "error" ? 9000 : 5000);
}

/** Shows the topmost of the acting user's windows as the workspace has them. */
export class Windows {
  constructor(act) {
    this.act = act;
    this.box = null;
    this.shown = "";
    this.closing = new Set();
  }

  show(views, ctx) {
    const open = (views || []).filter((view) => !this.closing.has(view.id));
    for (const id of this.closing) if (!(views || []).some((view) => view.id === id)) this.closing.delete(id);
    const view = open.at(-1);
    if (!view) return this.hide();
    const print = `${view.id}:${view.hash || ""}:${hash(view)}`;
    if (print === this.shown) return undefined;
    this.shown = print;
    if (!this.box) {
      this.back = document.activeElement;
      this.box = el("dialog", { class: "window", "aria-labelledby": "windowtitle" });
      this.box.addEventListener("cancel", (event) => { event.preventDefault(); this.close(); });
      document.body.append(this.box);
      this.box.showModal();
    }
    this.view = view;
    this.draw(view, ctx);
    return undefined;
  }

  draw(view, ctx) {
    const inside = { ...ctx, inputs: true, click: (element, block, chosen) => ctx.clickIn(view, element, block, chosen) };
    const body = el("div", { class: "windowbody" }, blocks(view.blocks, inside));
    const wrong = el("p", { class: "fielderror whole", role: "alert", hidden: true });
    const send = view.submit ? el("button", { class: "button primary", type: "submit" }, plain(view.submit)) : null;
    const form = el("form", { method: "dialog", novalidate: true },
      el("div", { class: "windowtop" }, el("h2", { id: "windowtitle" }, plain(view.title)),
        el("button", { class: "iconbutton", type: "button", "aria-label": "Close", on: { click: () => this.close() } }, icon("close"))),
      body, wrong,
      el("div", { class: "windowfoot" },
        el("button", { class: "button", type: "button", on: { click: () => this.close() } }, plain(view.close) || (send ? "Cancel" : "Close")),
        send));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const missing = {};
      const given = values(body, view.blocks);
      for (const block of view.blocks) {
        if (block.type !== "input" || block.optional) continue;
        const value = given[block.block_id]?.[block.element.action_id];
        if (!value || !value.length) missing[block.block_id] = "Please fill this in.";
      }
      if (complain(body, missing)) return;
      send.setAttribute("aria-busy", "true");
      const answer = await this.act({ do: "submit", view: view.id, values: given });
      send.removeAttribute("aria-busy");
      const errors = answer.errors || {};
      wrong.hidden = true;
      if (answer.ok && !Object.keys(errors).length) return;
      if (!complain(body, errors)) {
        wrong.textContent = answer.error || Object.values(errors).join(" ") || "That did not work. Try again.";
        wrong.hidden = false;
      }
    });
    replace(this.box, form);
    (body.querySelector("input,textarea,select") || form.querySelector(".windowfoot button:last-child")).focus({ preventScroll: true });
  }

  close() {
    const view = this.view;
    this.closing.add(view.id);
    this.hide();
    this.act({ do: "close_view", view: view.id });
  }

  hide() {
    if (!this.box) return;
    this.box.close();
    this.box.remove();
    this.box = null;
    this.shown = "";
    if (this.back?.isConnected) this.back.focus();
  }
}
