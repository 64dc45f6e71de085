"""What a scenario may expect, read from the ledger and the platform."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from vigilbot.admin import trusting
from vigilbot.cards import ActionKind, plain_text
from vigilbot.ledger.rows import moment
from vigilbot.oncalls import message_id
from vigilbot.ports import Row
from vigilbot.testing.scenario import span
from vigilbot.testing.world import World


class Mismatch(AssertionError):
    """What was expected did not happen."""


def _same(name: str, expected: object, found: object) -> None:
    if expected != found:
        raise Mismatch(f"{name}: expected {expected!r}, got {found!r}")


def contains(name: str, parts: object, text: str) -> None:
    for part in _several(parts):
        if str(part) not in text:
            raise Mismatch(f"{name}: expected {part!r} in it, got {text!r}")


def lacks(name: str, parts: object, text: str) -> None:
    for part in _several(parts):
        if str(part) in text:
            raise Mismatch(f"{name}: expected no {part!r} in it, got {text!r}")


def _several(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


class Checks:
    """One method an expectation; ``on`` is the conversation meant."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.taken: bool | None = None  # whether the last click or event was taken for new

    async def expect(self, wanted: Mapping[str, Any]) -> None:
        on = wanted.get("on", "main")
        for key, value in wanted.items():
            if key != "on":
                check: Callable[[str, Any], Awaitable[None]] = getattr(self, f"_{key}")
                await check(on, value)

    # -- cards

    async def _cards(self, on: str, value: int) -> None:
        _same("cards", value, len(self._world.cards(on)))

    async def _elsewhere(self, on: str, value: int) -> None:
        here = len(self._world.cards(on))
        _same("cards elsewhere", value, len(self._world.platform.posted) - here)

    async def _card(self, on: str, value: Mapping[str, Any]) -> None:
        cards = self._world.cards(on)
        number = int(value.get("number", 0))
        if len(cards) < max(number, 1):
            raise Mismatch(f"card {number or 'last'}: there are {len(cards)}")
        posted = cards[number - 1]
        text = plain_text(posted.card)
        contains("card says", value.get("says", []), text)
        lacks("card lacks", value.get("lacks", []), text)
        contains("card cites", value.get("cites", []), " ".join(c.url for c in posted.card.citations))
        contains("card provenance", value.get("provenance", []), posted.card.provenance)
        if "accept" in value:
            has = any(a.kind is ActionKind.ACCEPT for a in posted.card.actions)
            _same("card has an Accept button", value["accept"], has)
        for name in ("accepted_by", "posted_by"):
            if name in value:
                _same(f"card {name}", value[name] or "", getattr(posted.card, name))
        if "readers" in value:
            people = [self._world.person(name).id for name in value["readers"]]
            _same("card's readers", people, list(posted.readers))
        if "under" in value:
            _same("card's thread", self._world.events[value["under"]].thread, posted.thread)
        if "after" in value:
            self._time("card", value["after"], posted.at)

    async def _told(self, on: str, value: object) -> None:
        """What the bot said besides cards, in order; a private notice opens with ``name:``."""
        names = {person.id: name for name, person in self._world.people.items()}
        found = self._world.notices(on)
        wanted = _states(value)
        _same("things told", len(wanted), len(found))
        for part, notice in zip(wanted, found, strict=True):
            who = f"{names[notice.reader]}: " if notice.reader else ""
            contains("told", part, who + notice.notice.text)

    async def _requests(self, on: str, value: object) -> None:
        rows = await self._world.parts.ledger.fetch("SELECT state FROM requests ORDER BY rowid")
        _same("requests", _states(value), [row["state"] for row in rows])

    async def _attempts(self, on: str, value: int) -> None:
        _same("attempts to post", value, self._world.platform.attempts)

    async def _deliveries(self, on: str, value: object) -> None:
        rows = await self._world.rows("deliveries", on, "due_at, key")
        _same("deliveries", _states(value), [row["state"] for row in rows])

    # -- runs and answers

    async def _runs(self, on: str, value: int) -> None:
        _same("runs", value, len(await self._runs_of(on)))

    async def _result(self, on: str, value: str) -> None:
        _same("result of the last run", value, (await self._last_run_of(on))["result"])

    async def _results(self, on: str, value: object) -> None:
        _same("results", _states(value), [row["result"] for row in await self._runs_of(on)])

    async def _scope(self, on: str, value: str) -> None:
        _same("scope of the last run", value, (await self._last_run_of(on))["scope"])

    async def _last_run(self, on: str, value: str) -> None:
        self._time("last run", value, moment((await self._last_run_of(on))["at"]))

    async def _would_post(self, on: str, value: bool) -> None:
        _same("would_post", value, bool((await self._answer(on))["would_post"]))

    async def _audience(self, on: str, value: str) -> None:
        _same("audience", value, (await self._answer(on))["audience"])

    async def _reason(self, on: str, value: object) -> None:
        contains("reason of the last answer", value, (await self._answer(on))["reason"])

    async def _outcome(self, on: str, value: str) -> None:
        _same("outcome of the last answer", value, (await self._answer(on))["outcome"] or "none")

    async def _outcomes(self, on: str, value: object) -> None:
        rows = await self._world.rows("answers", on, "at, id")
        _same("outcomes", _states(value), [row["outcome"] or "none" for row in rows])

    async def _question(self, on: str, value: str) -> None:
        rows = await self._world.rows("questions", on, "asked_at, id")
        _same("state of the last question", value, rows[-1]["state"] if rows else "no question")

    async def _questions(self, on: str, value: object) -> None:
        rows = await self._world.rows("questions", on, "asked_at, id")
        _same("states of the questions", _states(value), [row["state"] for row in rows])

    # -- on-calls

    async def _oncall(self, on: str, value: str) -> None:
        _same("state of the on-call", value, (await self._oncall_of(on))["state"])

    async def _oncalls(self, on: str, value: int) -> None:
        _same("on-calls", value, len(await self._world.oncalls(on)))

    async def _gate(self, on: str, value: str) -> None:
        contains("why the gate opened", value, (await self._oncall_of(on))["gate_reason"])

    async def _closed_because(self, on: str, value: str) -> None:
        contains("why it closed", value, (await self._oncall_of(on))["close_reason"])

    async def _roles(self, on: str, value: Mapping[str, str]) -> None:
        for label, role in value.items():
            _same(f"role of {label}", role, (await self._message(label))["role"])

    async def _rules(self, on: str, value: Mapping[str, str]) -> None:
        for label, rule in value.items():
            contains(f"rule for {label}", rule, (await self._message(label))["rule"])

    async def _messages(self, on: str, value: int) -> None:
        rows = await self._world.rows("messages", on, "at")
        _same("messages", value, sum(1 for row in rows if not row["deleted"]))

    # -- knowledge

    async def _knowledge(self, on: str, value: int) -> None:
        rows = await self._world.parts.ledger.entries.list_current()
        _same("entries in force", value, len(rows))

    async def _entries(self, on: str, value: list[Mapping[str, Any]]) -> None:
        for wanted in value:
            row = await self.entry(wanted["about"])
            speaks, against = await self._support(row["entry"])
            found = {
                "trust": row["trust"],
                "revision": row["revision"],
                "retracted": bool(row["retracted"]),
                "space": row["space"],
                "expires": row["expires_at"] is not None,
                "operation": row["operation"],
                "support": speaks,
                "against": against,
            }
            name = f"entry about {wanted['about']!r}"
            for key in found.keys() & wanted.keys():
                _same(f"{name}: {key}", wanted[key], found[key])
            contains(f"{name}: question", wanted.get("question", []), row["question"])
            contains(f"{name}: answer", wanted.get("answer", []), row["answer"])
            contains(f"{name}: precondition", wanted.get("precondition", []), row["precondition"])
            contains(f"{name}: cites", wanted.get("cites", []), row["citations"])
            lacks(f"{name}: lacks", wanted.get("lacks", []), f"{row['question']}\n{row['answer']}")

    async def entry(self, about: str) -> Row:
        """The one entry, tombstones included, whose question or answer has these words."""
        rows = await self._world.parts.ledger.fetch(
            "SELECT * FROM knowledge WHERE valid_to IS NULL "
            "AND (instr(question, :about) OR instr(answer, :about)) ORDER BY seq",
            about=about,
        )
        if len(rows) != 1:
            raise Mismatch(f"entries about {about!r}: expected one, got {len(rows)}")
        return rows[0]

    async def _support(self, entry: str) -> tuple[int, int]:
        rows = await self._world.parts.ledger.entries.supports([entry])
        against = {row["oncall"] for row in rows if row["kind"] == "contradicted"}
        return len({row["oncall"] for row in rows if row["kind"] != "contradicted"}), len(against)

    # -- the rest

    async def _calls(self, on: str, value: Mapping[str, int]) -> None:
        for call, count in value.items():
            _same(f"calls of {call}", count, self._world.engine.calls[call])

    async def _flagged(self, on: str, value: int) -> None:
        rows = await self._world.parts.ledger.fetch("SELECT * FROM audit WHERE action = 'flag'")
        _same("flags for operators", value, len(rows))

    async def _retrieved(self, on: str, value: int) -> None:
        passages = json.loads((await self._answer(on))["passages"])
        _same("passages retrieved for the last answer", value, len(passages))

    async def _contradictions(self, on: str, value: int) -> None:
        found = await trusting.disputes(self._world.parts.ledger, at=self._world.clock.now())
        _same("contradictions that are open", value, sum(each.open for each in found))

    async def _expired(self, on: str, value: int) -> None:
        rows = await self._world.parts.ledger.trust.expired(now=self._world.clock.now())
        _same("expired entries", value, len(rows))

    async def _taken(self, on: str, value: bool) -> None:
        _same("taken", value, self.taken)

    async def _runs_of(self, on: str) -> list[Row]:
        return await self._world.rows("runs", on, "at, rowid")

    async def _last_run_of(self, on: str) -> Row:
        rows = await self._runs_of(on)
        if not rows:
            raise Mismatch("there was no run")
        return rows[-1]

    async def _answer(self, on: str) -> Row:
        rows = await self._world.rows("answers", on, "at, id")
        if not rows:
            raise Mismatch("there is no answer, not even a refusal")
        return rows[-1]

    async def _oncall_of(self, on: str) -> Row:
        rows = await self._world.oncalls(on)
        if not rows:
            raise Mismatch("there is no on-call")
        return rows[-1]

    async def _message(self, label: str) -> Row:
        event = self._world.events[label]
        row = await self._world.parts.ledger.chats.message(message_id(event.tenant, event.channel, event.ts))
        if row is None:
            raise Mismatch(f"message {label} is not in the ledger")
        return row

    def _time(self, name: str, value: str, found: datetime) -> None:
        """``38s after q1``, to the second."""
        given, _, label = value.partition(" after ")
        expected = self._world.events[label].at + span(given)
        if abs((found - expected).total_seconds()) >= 1:
            spent = (found - self._world.events[label].at).total_seconds()
            raise Mismatch(f"{name}: expected {value}, got {spent:g}s")

    async def story(self) -> list[str]:
        """What there is to see, for whoever reads a failure."""
        ledger = self._world.parts.ledger
        lines = []
        for row in await ledger.fetch("SELECT * FROM messages ORDER BY at"):
            lines.append(f"{row['at'][11:19]} {row['role']} {row['author']}: {row['text'][:90]}")
        for row in await ledger.fetch("SELECT * FROM oncalls ORDER BY opened_at"):
            due = {name: row[name] and row[name][11:19] for name in ("run_at", "learn_at", "close_at")}
            lines.append(f"on-call {row['id']} {row['state']} {due}")
        for row in await ledger.fetch("SELECT * FROM answers ORDER BY at"):
            lines.append(
                f"{row['at'][11:19]} answer {row['id']} {row['result']} ({row['reason']}) "
                f"confidence {row['confidence']:.2f} outcome {row['outcome']}: {row['text'][:60]}"
            )
        for row in await ledger.fetch("SELECT * FROM runs ORDER BY at"):
            lines.append(f"{row['at'][11:19]} run {row['id']} {row['scope']} {row['result']}")
        for row in await ledger.fetch("SELECT * FROM questions ORDER BY asked_at"):
            lines.append(f"question {row['id']} {row['state']} tries {row['attempts']}: {row['text'][:70]}")
        for row in await ledger.fetch("SELECT * FROM deliveries ORDER BY due_at"):
            lines.append(f"{row['due_at'][11:19]} delivery {row['state']} {row['last_error']}")
        for row in await ledger.fetch("SELECT * FROM reviews ORDER BY at"):
            lines.append(
                f"{row['at'][11:19]} review {row['verdict']} agreed {row['agreed']}: {row['reason']}"
            )
        for row in await ledger.fetch("SELECT * FROM knowledge ORDER BY seq"):
            support = json.dumps(await self._support(row["entry"]))
            lines.append(
                f"{row['valid_from'][11:19]} {row['operation']} {row['entry']}.{row['revision']} "
                f"{row['trust']} {support}: {row['question'][:50]} -> {row['answer'][:60]}"
            )
        return lines


def _states(value: object) -> list[object]:
    return [] if value in (None, "none", []) else _several(value)
