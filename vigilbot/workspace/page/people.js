// Whom one acts as: a button for each of the first people, a list for the others, one list on narrow screens.

import { el, hash, replace } from "./dom.js";
import { avatar } from "./stream.js";

const FACES = 5;

/** Arrow keys move along the element's brothers and choose. */
export function walk(event, back, forth) {
  const step = { [back]: -1, [forth]: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...event.currentTarget.parentNode.querySelectorAll(`.${event.currentTarget.classList[0]}`)];
  const next = all[(all.indexOf(event.currentTarget) + step + all.length) % all.length];
  next.focus();
  next.click();
}

function options(list) {
  return list.map((user) => el("option", { value: user.id }, user.title ? `${user.name} · ${user.title}` : user.name));
}

function words(user) {
  return el("span", { class: "personwords" }, el("strong", {}, user.name),
    el("small", { class: user.external ? "outside" : "" }, user.title || (user.external ? "other company" : "member")));
}

export class People {
  /** `become(id)` is called when somebody is chosen. */
  constructor(become) {
    this.become = become;
    this.faces = document.getElementById("people");
    this.all = document.getElementById("peoplelist");
    this.others = document.getElementById("others");
    for (const list of [this.all, this.others]) list.addEventListener("change", () => become(list.value));
  }

  draw(users, me) {
    const able = users.filter((u) => !u.bot);
    const print = hash([able, me]);
    if (this.print === print) return;
    this.print = print;
    document.body.classList.toggle("crowd", able.length > FACES);
    const focused = this.faces.contains(document.activeElement);
    const [first, others] = [able.slice(0, FACES), able.slice(FACES)];
    const reached = first.find((u) => u.id === me) || first[0]; // by Tab; arrow keys reach the others
    replace(this.faces, first.map((u) => el("button", { class: "person", type: "button", role: "radio",
      "aria-checked": String(u.id === me), tabindex: u === reached ? "0" : "-1",
      on: { click: () => this.become(u.id), keydown: (event) => walk(event, "ArrowLeft", "ArrowRight") } },
    avatar(u.name, u.id, false), words(u))));
    replace(this.all, options(able));
    this.all.value = me;
    replace(this.others, el("option", { value: "", disabled: true, hidden: true }, "Others"), options(others));
    this.others.value = others.some((u) => u.id === me) ? me : "";
    if (focused) this.faces.querySelector("[aria-checked=true]")?.focus();
  }
}
