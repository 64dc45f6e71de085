""" "Why this?": the recorded trace of a run as something to read, filtered for the reader."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from vigilbot.cards import ActionKind, Panel, Section
from vigilbot.domain import Event, Role
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.knowledge import Knowledge
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger
from vigilbot.ledger.chats import NOT_KEPT
from vigilbot.ledger.rows import moment, names
from vigilbot.ports import Interaction, InteractionKind, Response, Row
from vigilbot.roles import Roles

Handler = Callable[[Interaction], Awaitable[Response]]

TITLE = "Why this?"
SHOWN = 8  # candidate passages
_SAID = 300  # characters of one text
_HIDDEN = "an entry of a space that cannot be seen here"
_MEANING: Mapping[str, str] = {
    "share": "share of all evidence that leads to this answer",
    "rival": "share of the best other answer",
    "voices": "passages that lead to it",
    "times": "earlier cases of this channel it resolved",
    "oncalls": "earlier cases of this channel in all",
    "novelty": "how often this channel needs an answer it never had",
    "nearest": "likeness of the most similar known question",
    "alike": "likeness of this known question",
    "answers": "how far this passage answers at all",
    "conflict": "it contradicts something in the question",
    "lexical": "rare words in common, relative to the best",
    "dense": "likeness of question and passage",
    "stated": "the model's own confidence",
    "engine": "before what became of the same answer earlier counted",
}


class Why:
    """``spaces_of`` names the knowledge spaces that may be seen in a channel."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        roles: Roles,
        spaces_of: Callable[[Row], Collection[str]],
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._roles = roles
        self._spaces_of = spaces_of

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {(InteractionKind.CLICK, ActionKind.WHY.value): self.clicked}

    async def clicked(self, interaction: Interaction) -> Response:
        """An Interaction's value is the answer's id."""
        event = interaction.event
        answer = await self._ledger.runs.answer(interaction.value)
        oncall = await self._ledger.chats.oncall_row(answer["oncall"]) if answer else None
        if (
            answer is None
            or oncall is None
            or answer["tenant"] != event.tenant
            or event.channel not in ("", oncall["channel"])
        ):
            return Refusal(text="This card is from another installation or an older version.")
        question = await self._ledger.runs.question(answer["question"])
        if not self.may_read(interaction.event, asker=question["asker"] if question else ""):
            return Refusal(text="Only analysts and operators can see how an answer came about.")
        return Response(panel=await self.of(interaction.event, answer))

    def may_read(self, reader: Event, *, asker: str) -> bool:
        """Analysts and operators; whoever asks in a thread is its customer there."""
        analyst = self._roles.of(reader, thread_author=asker).role is Role.ANALYST
        return analyst or self._roles.is_operator(reader)

    async def of(self, reader: Event, row: Row) -> Panel:
        """For an answer's row, a run's, or an on-call's: then of its last run, whatever came of it.

        Whether the reader may see the channel at all is the caller's to know.
        """
        run: Row | None
        answer: Row | None = row if "leaned" in row else None
        if "triggers" in row:
            run = row
        elif answer is None:
            answers = await self._ledger.runs.answers(row["id"])
            runs = await self._ledger.fetch(
                "SELECT * FROM runs WHERE oncall = :oncall ORDER BY at DESC, rowid DESC LIMIT 1",
                oncall=row["id"],
            )
            if not runs:
                return Panel(title=TITLE, sections=(Section(lines=(await self._no_run(row),)),))
            run = runs[0]
            answer = next((a for a in reversed(answers) if a["run"] == run["id"]), None)
        else:
            run = await self._ledger.runs.run(answer["run"])
        sections = await self._asked(answer, run)
        if run is not None:
            sections.append(_scope(run))
        if answer is not None:
            sections += [await self._decision(answer), _confidence(answer)]
            sections += await self._passages(reader, answer)
            sections += await self._earlier(answer)
        if run is not None:
            sections += await self._making(run)
        return Panel(title=TITLE, sections=tuple(sections))

    async def _no_run(self, oncall: Row) -> str:
        if oncall["state"] == "waiting":
            return "I have not judged anything here: I wait until an analyst joins (oncall.gate)."
        if oncall["quiet"]:
            return "I have not judged anything here: somebody asked me to be quiet."
        return "I have not judged anything here yet."

    async def _asked(self, answer: Row | None, run: Row | None) -> list[Section]:
        """The messages the run was about, with the role rule that fired for each author."""
        question = await self._ledger.runs.question(answer["question"]) if answer else None
        ids = names(run["triggers"]) if run else ()
        ids = ids or (names(question["message_ids"]) if question else ())
        rows = await self._ledger.fetch(
            "SELECT * FROM messages WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY at, ts",
            ids=json.dumps(list(ids)),
        )
        gone = {NOT_KEPT: "(not kept any more)"}
        lines = [
            f"> {literal(row['text'], _SAID) or gone.get(row['deleted'], '(deleted)')}\n"
            f"{literal(row['author_name'] or row['author'])}: {row['role']}, {row['rule']}"
            for row in rows
        ]
        facts = [("Understood as", literal(question["text"], _SAID))] if question else []
        if answer is not None:
            facts.append(("At", day_and_time(moment(answer["at"]))))
        return [Section(heading="What was asked", facts=tuple(facts), lines=tuple(lines))]

    async def _decision(self, answer: Row) -> Section:
        facts = [
            ("Result", f"{answer['result'].replace('_', ' ')}: {literal(answer['reason'], _SAID)}"),
            ("Mode", answer["mode"]),
        ]
        rows = await self._ledger.fetch(
            "SELECT * FROM deliveries WHERE answer = :answer ORDER BY due_at, key", answer=answer["id"]
        )
        for row in rows:
            who = "everybody" if row["audience"] == "everyone" else "analysts"
            error = f" ({literal(row['last_error'])})" if row["last_error"] else ""
            facts.append((f"Card for {who}", row["state"].replace("_", " ") + error))
        if answer["outcome"]:
            facts.append(("What became of it", answer["outcome"].replace("_", " ")))
        review = await self._ledger.runs.last_review(answer["id"])
        if review is not None:
            facts.append(("Last review", f"{review['verdict']}: {literal(review['reason'], _SAID)}"))
        return Section(heading="Decision", facts=tuple(facts))

    async def _passages(self, reader: Event, answer: Row) -> list[Section]:
        """Every candidate with its scores; what cannot be seen where the reader reads has no words."""
        passages: Sequence[Mapping[str, Any]] = json.loads(answer["passages"])
        used = leaned_on(answer)
        order = sorted(passages, key=lambda p: p["entry"] not in used)
        visible = await self._visible(reader, answer)
        lines = []
        for passage in order[:SHOWN]:
            lines.append(await self._passage(passage, used=passage["entry"] in used, visible=visible))
        if len(order) > SHOWN:
            lines.append(f"and {len(order) - SHOWN} more")
        heading = f"Candidates ({counted(len(passages), 'passage')})"
        return [Section(heading=heading, lines=tuple(lines) or ("Nothing was found.",))]

    async def _passage(self, passage: Mapping[str, Any], *, used: bool, visible: frozenset[str]) -> str:
        rows = await self._ledger.entries.revisions(passage["entry"])
        row = next((r for r in rows if r["revision"] == passage["revision"]), None)
        words = _HIDDEN
        if row is not None and row["space"] in visible:
            words = f"{literal(row['question'], _SAID)} → {literal(row['answer'], _SAID)}"
        scores = f"score {passage['score']:.2f}, likeness {passage['dense']:.2f}"
        if passage["lexical"]:
            scores += f", words {passage['lexical']:.2f}"
        scores += f"; {counted(passage['support'], 'on-call')} for it, {passage['against']} against"
        evidence = passage.get("evidence", {})
        for name in ("alike", "voices", "rival"):
            if name in evidence:
                scores += f"; {_MEANING[name]} {evidence[name]:.2f}"
        mark = "✔ used: " if used else ""
        latest = rows[-1] if rows else None
        fate = ""
        if latest is not None and latest["retracted"]:
            fate = ", retracted since"
        elif latest is not None and latest["revision"] != passage["revision"]:
            fate = ", changed since"
        return f"{mark}`{passage['entry']}` revision {passage['revision']}{fate}: {words}\n{scores}"

    async def _visible(self, reader: Event, answer: Row) -> frozenset[str]:
        oncall = await self._ledger.chats.oncall_row(answer["oncall"])
        if oncall is None:
            return frozenset()
        channel = await self._ledger.chats.channel(oncall["tenant"], oncall["channel"])
        seen = frozenset(self._spaces_of(channel)) if channel else frozenset()
        if reader.channel == oncall["channel"] or self._roles.is_operator(reader):
            return seen
        place = await self._ledger.chats.channel(reader.tenant, reader.channel)
        return seen & frozenset(self._spaces_of(place)) if place else frozenset()

    async def _earlier(self, answer: Row) -> list[Section]:
        """How much this answer says what other cards of the on-call said."""
        earlier = [
            row["text"]
            for row in await self._ledger.runs.sent(answer["oncall"])
            if row["id"] != answer["id"] and row["text"] and row["at"] <= answer["at"]
        ]
        if not earlier or not answer["text"]:
            return []
        mine = await self._knowledge.vector(answer["text"])
        others = [await self._knowledge.vector(text) for text in earlier]
        lines = [
            f"{float(mine @ other):.2f} to: {literal(text, 120)}"
            for text, other in zip(earlier, others, strict=True)
        ]
        return [Section(heading="Likeness to earlier cards here", lines=tuple(dict.fromkeys(lines)))]

    async def _making(self, run: Row) -> list[Section]:
        """How long it took, what made the judgements, and what a language model was asked for."""
        trace: Mapping[str, Any] = json.loads(run["trace"])
        times = [(stage, f"{ms:.1f} ms") for stage, ms in trace.get("timings_ms", {}).items()]
        engine = f"{trace.get('engine', '')} {trace.get('engine_version', '')}".strip()
        facts = [("Engine", literal(engine)), *times]
        if trace.get("not_kept"):
            facts.append(("Trace", "too long ago: candidates and reasons are not kept any more"))
        if trace.get("gate"):
            facts.append(("Why I could act", literal(trace["gate"])))
        lines = [f"Without the model: {literal(why, _SAID)}" for why in trace.get("fallbacks", ())]
        found = [Section(heading="How it was made", facts=tuple(facts), lines=tuple(lines))]
        calls = await self._ledger.fetch(
            "SELECT * FROM model_calls WHERE run = :run ORDER BY at, id LIMIT 20", run=run["id"]
        )
        if calls:
            found.append(Section(heading="Model calls", lines=tuple(_call(row) for row in calls)))
        return found


def _scope(run: Row) -> Section:
    known = json.loads(run["trace"]).get("identification", {})
    facts = [("Class", {"within": "in scope", "out": "out of scope", "none": "asks nothing"}[run["scope"]])]
    for name, label in (("within", "In scope"), ("out", "Out of scope"), ("none", "Asks nothing")):
        if name in known:
            facts.append((label, f"{float(known[name]):.2f}"))
    if known.get("reason"):
        facts.append(("Because", literal(known["reason"], _SAID)))
    return Section(heading="Is it a question for me?", facts=tuple(facts))


def _confidence(answer: Row) -> Section:
    features: Mapping[str, float] = json.loads(answer["features"])
    facts = [("Confidence", f"{answer['confidence']:.2f}")]
    facts += [
        (_MEANING.get(name, name.replace("_", " ")).capitalize(), f"{value:.2f}")
        for name, value in list(features.items())[:12]
    ]
    return Section(heading="How sure", facts=tuple(facts))


def _call(row: Row) -> str:
    tokens = f"{row['tokens_in']} tokens in, {row['tokens_out']} out"
    cost = f", ${row['cost']:.4f}" if row["cost"] is not None and not row["cached"] else ""
    kept = ", a kept reply" if row["cached"] else ""
    failed = f"; failed: {literal(row['error'])}" if row["error"] else ""
    return f"{row['stage']}: {literal(row['model'])}, {row['ms']:.0f} ms, {tokens}{cost}{kept}{failed}"
