// The strip above the chat that plays a written story, where there is one.

import { el, icon, put, replace } from "./dom.js";
import { say } from "./dialogs.js";

export class Story {
  constructor(box, followed) {
    this.box = box;
    this.followed = followed;
    this.playing = false;
    this.ask();
  }

  async ask() {
    let wait = 1000;
    try {
      const answer = await fetch("/story", { headers: { accept: "application/json" } });
      if (answer.status === 404) return; // there is none, and there will be none
      if (answer.ok) this.draw(await answer.json());
    } catch {
      wait = 3000;
    }
    setTimeout(() => this.ask(), document.hidden ? 4000 : wait);
  }

  async tell(what) {
    this.box.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/story/${what}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      if (!answer.ok) say("The story cannot go on just now.", "error");
      else {
        const story = await fetch("/story");
        if (story.ok) this.draw(await story.json());
      }
    } catch {
      say("The story cannot be reached.", "error");
    } finally {
      this.box.removeAttribute("aria-busy");
    }
  }

  draw(story) {
    const print = JSON.stringify(story);
    if (print === this.print) return;
    this.print = print;
    const steps = story.steps || [];
    const done = steps.filter((s) => s.done).length;
    const next = steps.find((s) => !s.done);
    this.playing = Boolean(story.playing);
    this.followed(this.playing);
    const focus = this.box.contains(document.activeElement) ? document.activeElement.dataset.focus : "";
    const main = this.playing
      ? el("button", { class: "button", type: "button", data: { focus: "play" }, on: { click: () => this.tell("pause") } }, icon("pause"), "Pause")
      : el("button", { class: "button primary", type: "button", disabled: !next, data: { focus: "play" }, on: { click: () => this.tell("play") } },
        icon("play"), done && next ? "Go on" : "Play the story");
    const step = el("button", { class: "button", type: "button", disabled: !next || this.playing, data: { focus: "step" },
      on: { click: () => this.tell("step") } }, icon("step"), "Next step");
    const dots = el("span", { class: "steps", role: "img", "aria-label": `${done} of ${steps.length} steps` },
      steps.map((s) => el("span", { class: s.done ? "stepdot done" : s === next ? "stepdot next" : "stepdot", title: s.title })));
    replace(this.box, next ? el("div", { class: "storybuttons" }, main, step) : null, dots,
      el("p", { class: "storynext", "aria-live": "polite" }, next ? [el("span", { class: "quiet" }, this.playing ? "Now: " : "Next: "), next.title]
        : [el("span", { class: "quiet" }, "The story is told. "), "Now you: ask as a customer, answer as an analyst, accept a card."]));
    this.box.hidden = false;
    if (focus) put(this.box).querySelector(`[data-focus="${focus}"]`)?.focus();
  }
}
