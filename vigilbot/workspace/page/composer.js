// Where messages are written: Enter sends, Shift+Enter makes a line, @ offers names, / a command.

import { el, icon, replace } from "./dom.js";

const NAME = /(?:^|\s)@([\p{L}\p{N}._-]*(?: [\p{L}\p{N}._-]*)?)$/u;

export class Composer {
  /** `send(text)` resolves to "" or to what was wrong; `offers()` gives {label, detail, text} for a started word. */
  constructor({ label, send, people, command }) {
    this.send = send;
    this.people = people;
    this.command = command;
    this.id = `c${Math.random().toString(36).slice(2)}`;
    this.drafts = new Map();
    this.place = "";
    this.field = el("textarea", { rows: "1", "aria-label": label, "aria-autocomplete": "list",
      "aria-haspopup": "listbox", "aria-controls": `${this.id}l`, autocomplete: "off", spellcheck: "true" });
    this.offers = el("div", { class: "offers", role: "listbox", id: `${this.id}l`, hidden: true, "aria-label": "Suggestions" });
    this.wrong = el("p", { class: "fielderror", role: "alert", hidden: true });
    this.button = el("button", { class: "iconbutton send", type: "submit", "aria-label": "Send", title: "Send (Enter)" }, icon("send"));
    this.form = el("form", { class: "composer" }, this.offers, this.wrong, el("div", { class: "writing" }, this.field, this.button));
    this.field.addEventListener("input", () => { this.grow(); this.suggest(); this.wrong.hidden = true; });
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => setTimeout(() => this.offer([]), 150));
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.go(); });
  }

  /** Moves to another place; what was typed stays where it was typed. */
  at(place, hint) {
    if (place !== this.place) {
      this.drafts.set(this.place, this.field.value);
      this.place = place;
      this.field.value = this.drafts.get(place) || "";
      this.wrong.hidden = true;
      this.offer([]);
      this.grow();
    }
    this.field.placeholder = hint;
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(180, this.field.scrollHeight)}px`;
  }

  offer(list) {
    this.list = list;
    this.chosen = 0;
    this.offers.hidden = !list.length;
    replace(this.offers, list.map((one, n) => el("div", { class: "offer", role: "option", id: `${this.id}o${n}`,
      "aria-selected": String(n === 0), on: { mousedown: (event) => { event.preventDefault(); this.take(n); } } },
    el("strong", {}, one.label), el("small", {}, one.detail))));
    this.mark();
  }

  mark() {
    [...this.offers.children].forEach((node, n) => node.setAttribute("aria-selected", String(n === this.chosen)));
    if (this.list.length) this.field.setAttribute("aria-activedescendant", `${this.id}o${this.chosen}`);
    else this.field.removeAttribute("aria-activedescendant");
    this.offers.children[this.chosen]?.scrollIntoView({ block: "nearest" });
  }

  suggest() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    const command = this.command();
    if (command && before.startsWith("/") && !/\s/.test(before) && command.startsWith(before) && before !== command) {
      return this.offer([{ label: command, detail: "slash command", from: 0, text: `${command} ` }]);
    }
    const hit = NAME.exec(before);
    if (!hit) return this.offer([]);
    const start = hit[1].toLowerCase();
    const names = this.people().filter((u) => u.name.toLowerCase().startsWith(start)
      || u.name.toLowerCase().split(/\s+/).some((part) => part.startsWith(start)));
    if (names.length === 1 && names[0].name.toLowerCase() === start) return this.offer([]);
    return this.offer(names.slice(0, 7).map((u) => ({ label: u.name, detail: u.bot ? "app" : u.title || "",
      from: before.length - hit[1].length - 1, text: `@${u.name} ` })));
  }

  take(n) {
    const one = this.list[n];
    const end = this.field.selectionStart;
    this.field.setRangeText(one.text, one.from, end, "end");
    this.offer([]);
    this.grow();
    this.field.focus();
  }

  key(event) {
    const some = this.list?.length;
    if (some && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.chosen = (this.chosen + (event.key === "ArrowDown" ? 1 : some - 1)) % some;
      this.mark();
    } else if (some && (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey))) {
      event.preventDefault();
      this.take(this.chosen);
    } else if (some && event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.offer([]);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.go();
    }
  }

  async go() {
    const words = this.field.value.trim();
    if (!words) return;
    this.field.value = "";
    this.grow();
    const wrong = await this.send(words);
    if (!wrong) return;
    if (!this.field.value) this.field.value = words;
    this.grow();
    this.wrong.textContent = wrong;
    this.wrong.hidden = false;
    this.field.focus();
  }
}
