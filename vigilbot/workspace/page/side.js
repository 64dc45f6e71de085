// The pane beside the chat: what the bot did last, what it knows, what went over the wire, and faults.
// The bot's part comes from pages of its own (`side`), which the workspace knows nothing of.

import { anchor, clock, el, hash, icon, keyed, replace } from "./dom.js";

const TABS = [["run", "Last run"], ["knowledge", "Knowledge"], ["wire", "Wire"], ["state", "State"]];
const FRESH = 12_000; // milliseconds that a changed entry stands out

export class Side {
  constructor({ box, base, act, open, wired }) {
    Object.assign(this, { box, base, act, open, wired });
    this.tab = "";
    this.runs = [];
    this.at = -1;
    this.lives = new Map(); // entry: revisions seen, oldest first
    this.there = { run: false, knowledge: false, status: false };
    this.fresh = new Map();
    this.first = true;
    this.tabs = el("div", { class: "tabs", role: "tablist", "aria-label": "What happens behind it" });
    this.panes = el("div", { class: "sidepanes" });
    replace(box, this.tabs, this.panes);
    for (const [name, label] of TABS) {
      this.tabs.append(el("button", { class: "tab", role: "tab", type: "button", id: `tab-${name}`, "aria-controls": `pane-${name}`,
        "aria-selected": "false", tabindex: "-1", on: { click: () => this.show(name), keydown: (event) => this.arrows(event) } }, label,
      el("span", { class: "dot", hidden: true })));
      this.panes.append(el("section", { class: "sidepane", role: "tabpanel", id: `pane-${name}`, "aria-labelledby": `tab-${name}`,
        tabindex: "0", hidden: true }));
    }
    this.drawRun();
    this.show(sessionStorage.getItem("tab") || "run");
    this.ask();
    setInterval(() => document.hidden || this.ask(), 1200);
  }

  pane(name) { return this.panes.querySelector(`#pane-${name}`); }

  arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...this.tabs.children].filter((tab) => !tab.hidden);
    const next = all[(all.indexOf(event.currentTarget) + step + all.length) % all.length];
    this.show(next.id.slice(4));
    next.focus();
  }

  show(name) {
    this.tab = name;
    sessionStorage.setItem("tab", name);
    for (const [other] of TABS) {
      const tab = this.tabs.querySelector(`#tab-${other}`);
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      this.pane(other).hidden = other !== name;
    }
    this.tabs.querySelector(`#tab-${name} .dot`).hidden = true;
    this.wired(name === "wire");
  }

  news(name) {
    if (this.tab !== name && !this.first) this.tabs.querySelector(`#tab-${name} .dot`).hidden = false;
  }

  async ask() {
    if (this.asking) return;
    this.asking = true;
    try {
      const [run, knowledge, status] = await Promise.all(["run", "knowledge", "status"].map((name) => this.fetched(name)));
      if (run) this.run(run);
      if (knowledge) this.knowledge(knowledge.entries || []);
      this.statusLines = status?.lines;
      this.harm = status?.harm;
      this.drawState();
      if (this.there.run || this.there.knowledge) this.first = false;
    } finally {
      this.asking = false;
    }
    for (const name of ["run", "knowledge"]) {
      this.tabs.querySelector(`#tab-${name}`).hidden = !this.there[name];
      if (!this.there[name] && this.tab === name) this.show("wire");
    }
  }

  async fetched(name) {
    try {
      if (this.absent?.has(name)) return null;
      const answer = await fetch(`${this.base}/${name}`, { headers: { accept: "application/json" } });
      if (answer.status === 404) (this.absent ||= new Set()).add(name);
      this.there[name] = answer.ok || (this.there[name] && answer.status !== 404);
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // the bot is away: what it said last stays
    }
  }

  /* ---- the last run ---- */

  run(run) {
    const known = this.runs.findIndex((r) => r.id === run.id);
    if (known >= 0) {
      if (hash(this.runs[known]) === hash(run)) return;
      this.runs[known] = run;
    } else {
      const following = this.at === this.runs.length - 1;
      this.runs.push(run);
      if (this.runs.length > 30) this.runs.shift();
      if (following || this.at >= this.runs.length) this.at = this.runs.length - 1;
      this.news("run");
    }
    this.drawRun();
  }

  drawRun() {
    const run = this.runs[this.at];
    const pane = this.pane("run");
    if (!run) return replace(pane, el("p", { class: "nothing" }, "No run yet. When somebody asks in a channel, every step of the bot's thinking stands here."));
    const turn = (by, name, label) => el("button", { class: "iconbutton", type: "button", "aria-label": label, title: label,
      disabled: !this.runs[this.at + by], on: { click: () => { this.at += by; this.drawRun(); } } }, icon(name));
    return replace(pane,
      el("div", { class: "runtop" }, el("span", { class: `pill ${tone(run.result)}` }, spoken(run.result)),
        el("time", { class: "quiet" }, clock(run.at, { seconds: true })), el("span", { class: "spring" }),
        el("small", { class: "quiet" }, `${this.at + 1} / ${this.runs.length}`), turn(-1, "left", "The run before"), turn(1, "right", "The run after")),
      run.question ? el("p", { class: "asked" }, run.question) : el("p", { class: "asked none" }, "No question in it"),
      decision(run), stages(run.stages || []), passages(run.passages || []), answer(run), versions(run));
  }

  /* ---- knowledge ---- */

  knowledge(entries) {
    const now = Date.now();
    const there = new Set(entries.map((entry) => entry.entry));
    for (const id of this.lives.keys()) if (!there.has(id)) this.lives.delete(id);
    for (const entry of entries) {
      const life = this.lives.get(entry.entry) || [];
      const seen = life.find((r) => r.revision === entry.revision);
      if (seen) Object.assign(seen, entry);
      else {
        life.push(entry);
        life.sort((a, b) => a.revision - b.revision);
        if (!this.first) { this.fresh.set(entry.entry, now); this.news("knowledge"); }
      }
      this.lives.set(entry.entry, life);
    }
    const rows = [...this.lives.entries()].sort(([, a], [, b]) => String(b.at(-1).at).localeCompare(String(a.at(-1).at)))
      .map(([id, life]) => {
        const fresh = now - (this.fresh.get(id) || 0) < FRESH;
        return { key: id, hash: hash([life, fresh]), build: () => entryCard(life, fresh) };
      });
    const pane = this.pane("knowledge");
    if (!rows.length) return keyed(pane, [{ key: "none", hash: "", build: () => el("p", { class: "nothing" },
      "Nothing learned yet. What analysts resolve becomes entries here, and every change of them.") }]);
    const standing = [...this.lives.values()].filter((life) => !life.at(-1).retracted).length;
    rows.unshift({ key: "count", hash: String(standing), build: () => el("p", { class: "count quiet" },
      standing === 1 ? "1 entry in force" : `${standing} entries in force`) });
    return keyed(pane, rows);
  }

  /* ---- the wire and the state ---- */

  wire(lines) {
    if (this.tab !== "wire") return;
    const rows = lines.map((line) => ({ key: line.key, hash: hash(line), build: () => wireLine(line) }));
    if (!rows.length) rows.push({ key: "none", hash: "", build: () => el("p", { class: "nothing" },
      "Nothing sent yet. Envelopes to the bot, its acknowledgements and its API calls stand here, newest first.") });
    keyed(this.pane("wire"), rows);
  }

  state(snapshot) {
    this.faults = snapshot.faults;
    this.counts = snapshot.counts;
    this.drawState();
  }

  drawState() {
    const pane = this.pane("state");
    const print = hash([this.statusLines, this.harm, this.faults, this.counts]);
    if (pane.dataset.print === print || !this.counts) return;
    pane.dataset.print = print;
    const focus = pane.contains(document.activeElement) ? document.activeElement.dataset.focus : "";
    replace(pane,
      this.statusLines ? [el("h3", {}, "The bot"), facts(this.statusLines)] : null,
      this.harm?.length ? [el("p", { class: "quiet" }, "Take something from the bot and watch how it goes on, and recovers."),
        el("div", { class: "faults" }, this.harm.map((harm) => this.fault(harm, "harm", (value) => this.do(harm.name, value))))] : null,
      el("h3", {}, "The workspace"), facts(this.counts),
      this.faults?.length ? [el("h3", {}, "Faults"), el("p", { class: "quiet" }, "Make the workspace misbehave and watch what the bot does about it."),
        el("div", { class: "faults" }, this.faults.map((fault) => this.fault(fault, "fault",
          (value) => this.act({ do: "fault", name: fault.name, value }))))] : null);
    if (focus) pane.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
  }

  /** What the bot's own page does, beside the workspace's deeds. */
  async do(name, value) {
    const body = JSON.stringify({ name, value });
    await fetch(`${this.base}/do`, { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => null);
    await this.ask();
  }

  fault(fault, kind, set) {
    const focus = { focus: `${kind}/${fault.name}` };
    const words = el("span", {}, fault.label, el("small", {}, fault.help));
    if (fault.kind === "switch") {
      return el("button", { class: "faultswitch", type: "button", role: "switch", "aria-checked": String(fault.value), data: focus,
        on: { click: () => set(!fault.value) } }, words, el("span", { class: "track" }));
    }
    if (fault.kind === "deed") {
      return el("div", { class: "faultswitch" }, words,
        el("button", { class: "button small", type: "button", data: focus, "aria-label": fault.label, on: { click: () => set(true) } }, "Now"));
    }
    return el("label", { class: "faultswitch" }, words, el("input", { class: "field number", type: "number", min: "0", data: focus,
      step: fault.kind === "rate" ? "0.05" : "1", max: fault.kind === "rate" ? "1" : null, value: String(fault.value),
      on: { change: (event) => set(Number(event.target.value)) } }));
  }
}

const GOOD = new Set(["decided", "everyone", "posted", "sent", "ok", "good", "verified"]);
const BAD = new Set(["stale", "failed", "error", "problem", "bad", "retracted"]);

function tone(word) {
  return GOOD.has(word) ? "good" : BAD.has(word) ? "bad" : "";
}

function spoken(word) {
  const words = String(word || "—").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function number(value, digits = 2) {
  return typeof value === "number" ? value.toFixed(digits) : "–";
}

function bar(share, kind = "") {
  const fill = el("span", { class: `fill ${kind}` });
  fill.style.width = `${Math.round(Math.max(0, Math.min(1, share || 0)) * 100)}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, fill);
}

function facts(lines) {
  return el("dl", { class: "facts" }, lines.map((line) => [el("dt", {}, line.name),
    el("dd", { class: { ok: "good", good: "good", warning: "warn", warn: "warn", error: "bad", failed: "bad", problem: "bad" }[line.level] || "" }, String(line.value))]));
}

function decision(run) {
  const scope = typeof run.within === "number" ? `In scope ${number(run.within)}` : "";
  return el("div", { class: "decision" },
    el("div", {}, el("span", { class: "name" }, "Decision"), el("strong", {}, spoken(run.decision || run.result))),
    run.reason ? el("div", {}, el("span", { class: "name" }, "Why"), el("span", { class: "why" }, run.reason)) : null,
    el("p", { class: "quiet" }, [scope, run.mode ? `mode ${run.mode}` : "", run.engine ? `engine ${run.engine}` : ""].filter(Boolean).join(" · ")));
}

function stages(list) {
  if (!list.length) return null;
  const total = list.reduce((sum, s) => sum + (s.ms || 0), 0) || 1;
  let begun = 0;
  return el("section", {}, el("h3", {}, "Stages", el("small", {}, `${number(total, total < 100 ? 1 : 0)} ms`)),
    el("div", { class: "stages" }, list.map((s) => {
      const fill = el("span", { class: "fill" });
      fill.style.marginInlineStart = `${(begun / total) * 100}%`;
      fill.style.width = `${Math.max(0.8, ((s.ms || 0) / total) * 100)}%`;
      begun += s.ms || 0;
      return el("div", { class: "stage" }, el("span", {}, spoken(s.name)), el("span", { class: "bar", "aria-hidden": "true" }, fill),
        el("span", { class: "ms" }, `${number(s.ms, s.ms < 10 ? 1 : 0)} ms`));
    })));
}

function passages(list) {
  if (!list.length) return null;
  const best = Math.max(...list.map((p) => p.score || 0), 1e-9);
  return el("section", {}, el("h3", {}, "Passages", el("small", {}, String(list.length))), el("ol", { class: "passages" }, list.map((p) =>
    el("li", {}, el("details", {}, el("summary", {}, el("span", { class: "passagequestion" }, p.question || p.answer),
      bar(p.score / best), el("span", { class: "score" }, number(p.score))),
    el("p", {}, p.answer),
    el("p", { class: "quiet" }, [`meaning ${number(p.dense)}`, `words ${number(p.lexical)}`,
      p.support !== undefined ? `${p.support} on-call${p.support === 1 ? "" : "s"} for it` : "", p.space || "", p.entry || ""].filter(Boolean).join(" · ")))))));
}

function answer(run) {
  if (!run.answer?.text) return null;
  const sure = run.answer.confidence || 0;
  return el("section", {}, el("h3", {}, "Answer", el("small", {}, run.answer.would_post ? "sure enough to post" : "not sure enough to post")),
    el("div", { class: "confidence" }, bar(sure, run.answer.would_post ? "" : "weak"), el("strong", {}, number(sure))),
    el("p", { class: "answertext" }, run.answer.text));
}

function versions(run) {
  const all = Object.entries(run.versions || {});
  return el("details", { class: "versions" }, el("summary", {}, "Made with"),
    facts([...all.map(([name, value]) => ({ name, value: typeof value === "object" ? JSON.stringify(value) : value })),
      { name: "run", value: run.id }, { name: "on-call", value: run.oncall || "–" }]));
}

const DONE = { learn: "learned", revise: "revised", verify: "verified", retract: "retracted", import: "imported", undo: "undone" };

function done(revision) {
  return spoken(revision.retracted ? "retracted" : DONE[revision.operation] || revision.operation || "saved");
}

/** What the pill beside it does not say. */
function trust(revision) {
  if (revision.trust === "probation") return "on probation";
  return revision.operation === "verify" ? "" : revision.trust || "";
}

function entryCard(life, fresh) {
  const now = life.at(-1);
  return el("article", { class: `entry${fresh ? " fresh" : ""}${now.retracted ? " retracted" : ""}` },
    el("div", { class: "entrytop" }, el("span", { class: `pill ${now.retracted ? "bad" : fresh ? "good" : ""}` }, done(now)),
      el("span", { class: now.trust === "verified" ? "trust good" : "trust" }, trust(now)), el("span", { class: "spring" }),
      el("small", { class: "quiet" }, `${clock(now.at)} · rev ${now.revision}`)),
    el("h4", {}, now.question), now.precondition ? el("p", { class: "precondition" }, el("em", {}, "Depends on: "), now.precondition) : null,
    el("p", { class: "entryanswer" }, linked(now.answer || "")),
    el("p", { class: "quiet" }, [`${now.support ?? 0} on-call${now.support === 1 ? "" : "s"} for it`, now.channel ? `#${now.channel}` : "", now.entry].filter(Boolean).join(" · ")),
    el("details", {}, el("summary", {}, "Its life"), el("ol", { class: "life" }, life.map((r) => el("li", {},
      el("strong", {}, `${r.revision}. ${done(r)}`),
      el("span", { class: "quiet" }, ` by ${r.actor || "?"}, ${clock(r.at)}`), r.reason ? el("p", {}, r.reason) : null,
      r !== now ? el("p", { class: "was" }, r.answer) : null))),
    (now.answered || []).length ? el("p", { class: "quiet" }, "What it answered:") : null,
    el("ul", { class: "life" }, (now.answered || []).map((a) => el("li", {}, a.question,
      el("span", { class: "quiet" }, ` #${a.channel}, ${clock(a.at)}: ${[String(a.became).replaceAll("_", " "),
        a.accepted ? `accepted by ${a.accepted}` : "", a.corrected ? "corrected since" : ""].filter(Boolean).join(", ")}`))))));
}

/** Plain text whose web addresses can be followed. */
function linked(words) {
  return words.split(/(https?:\/\/[^\s<>]*[^\s<>.,;:!?)\]'"])/).map((part, n) => (n % 2 ? anchor(part) : part));
}

function wireLine(line) {
  return el("details", { class: `wire ${line.way} ${line.level || ""}` }, el("summary", {},
    el("span", { class: "arrow", "aria-label": line.way === "out" ? "to the bot" : "from the bot" }, line.way === "out" ? "→" : "←"),
    el("span", { class: "what" }, line.title), el("span", { class: "state" }, line.state), el("time", {}, clock(line.at, { seconds: true }))),
  el("pre", {}, line.body));
}

