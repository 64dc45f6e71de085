"""Re-runs recorded answers against the knowledge as of then, under the configuration in force and a new one.

Nothing is written and nothing is posted: each configuration gets a copy of the ledger, whose knowledge is
emptied and then brought forward to the moment of each run. The dialogue is what stood there by then; a
message that was edited since is read as it is now, and where it is the question itself, the case is left out.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from vigilbot.app import LEDGER, Parts, assembled, gate_of, open_embedder, open_ledger, spaces_of, theta_of
from vigilbot.autonomy.gate import Gate
from vigilbot.domain import Decision, Dialogue, Mode, Role
from vigilbot.errors import BadInput, EngineError
from vigilbot.evals.check import (
    Again,
    Case,
    Comparing,
    Difference,
    State,
    cases,
    differences,
    figures,
    recorded,
)
from vigilbot.evals.past import Past
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger
from vigilbot.ledger.requests import ASKED
from vigilbot.ledger.rows import pack, stamp, to_message
from vigilbot.pipeline import Judged, Place, Sent, Trace
from vigilbot.platforms.replay import ReplayPlatform
from vigilbot.ports import Embedder, Row, Statement
from vigilbot.providers.clock import SimulatedClock
from vigilbot.replay import Progress, without_model
from vigilbot.settings import Settings
from vigilbot.stores.inspection import copy_ledger
from vigilbot.usage import metered

STANDING = "standing"
_READ = 1000  # messages of an on-call at most, the newest, as every run reads them


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """``figures`` is the JSON (evals.check.FIGURES)."""

    figures: Mapping[str, Any]
    differences: tuple[Difference, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pass:
    """What one configuration does with every case; None where its engine failed."""

    said: list[Again | None]
    remarks: tuple[str, ...]


async def check(
    current: Settings,
    new: Settings | None,
    *,
    folder: Path,
    progress: Progress,
    limit: int | None = None,
    cache: Path | None = None,
) -> Checked:
    """What ``new`` changes against ``current``; without it, what ``current`` changes against the record.

    ``folder`` holds the ledger, ``limit`` takes the newest so many cases, ``cache`` keeps a model's replies.
    Raises BadInput.
    """
    if not (folder / LEDGER).is_file():
        raise BadInput(
            "no ledger", place=str(folder / LEDGER), remedy="Name the bot's folder with --data or data.dir"
        )
    known, left_out = await _cases(folder, limit)
    judge = await open_embedder(current)
    used = await _pass(
        current, known, folder, judge, phase=progress.phase("In force", len(known)), cache=cache
    )
    tried = used
    if new is not None:
        other = judge if new.embedder == current.embedder else await open_embedder(new)
        phase = progress.phase("With the change", len(known))
        tried = await _pass(new, known, folder, other, phase=phase, cache=cache)
    whole = [n for n in range(len(known)) if used.said[n] is not None and tried.said[n] is not None]
    kept = [known[n] for n in whole]
    comparing = Comparing(embedder=judge, theta=theta_of(current, judge))
    then = [recorded(case) for case in kept]
    now = await _states(comparing, kept, [used.said[n] for n in whole])
    said = [tried.said[n] for n in whole]
    before, after = (then, now) if new is None else (now, await _states(comparing, kept, said))
    drift = None if new is None else sum(a is not b for a, b in zip(then, now, strict=True))
    return Checked(
        figures=figures(kept, before, after, drift=drift, left_out=left_out, failed=len(known) - len(whole)),
        differences=tuple(differences(kept, before, after, [one for one in said if one is not None])),
        remarks=tuple(dict.fromkeys((*used.remarks, *tried.remarks))),
    )


async def _states(comparing: Comparing, known: Sequence[Case], said: Sequence[Again | None]) -> list[State]:
    return [
        await comparing.state(case, again)
        for case, again in zip(known, said, strict=True)
        if again is not None
    ]


async def _cases(data: Path, limit: int | None) -> tuple[list[Case], int]:
    """The cases, and how many were left out because their question is not what it was."""
    async with _copied(data) as (ledger, _):
        found = await cases(ledger, limit=limit)
        triggers = sorted({trigger for case in found for trigger in case.triggers})
        rows = await ledger.fetch(
            "SELECT id, version, deleted FROM messages WHERE id IN (SELECT value FROM json_each(:ids))",
            ids=pack(triggers),
        )
    there = {row["id"]: row["version"] for row in rows if not row["deleted"]}
    whole = [c for c in found if all(there.get(t) == c.versions.get(t, 1) for t in c.triggers)]
    return whole, len(found) - len(whole)


@asynccontextmanager
async def _copied(data: Path) -> AsyncIterator[tuple[Ledger, Path]]:
    """A copy of the ledger and the folder it is in; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vigilbot-check-") as name:
        await asyncio.to_thread(copy_ledger, data / LEDGER, Path(name) / LEDGER)
        ledger = await open_ledger(Path(name), durable=False)
        try:
            yield ledger, Path(name)
        finally:
            await ledger.close()


async def _pass(
    settings: Settings,
    known: Sequence[Case],
    data: Path,
    embedder: Embedder,
    *,
    phase: AbstractContextManager[Callable[[int], None]],
    cache: Path | None,
) -> _Pass:
    if not known:
        return _Pass(said=[], remarks=())
    settings = replace(settings, retrieval=replace(settings.retrieval, index="exact"))
    clock = SimulatedClock(known[0].at)
    platform = ReplayPlatform(clock=clock)
    said: list[Again | None] = []
    async with _copied(data) as (ledger, folder):
        past = await Past.of(ledger)
        await past.embed(embedder)
        await ledger.write(Statement("DELETE FROM model_calls", {}))  # that day's budget is spent already
        async with assembled(
            settings,
            platform=platform,
            clock=clock,
            folder=folder,
            ledger=ledger,
            embedder=embedder,
            cache=cache,
        ) as parts:
            again = _Rerun(parts=parts, gate=gate_of(settings), past=past)
            with phase as step:
                for _, group in groupby(known, key=lambda case: case.run):
                    run = list(group)
                    clock.advance_to(max(run[0].at, clock.now()))
                    try:
                        said += await again.of(run)
                    except EngineError:  # counted, and said
                        said += [None] * len(run)
                    step(len(run))
            return _Pass(said=said, remarks=without_model(parts))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rerun:
    """One recorded run once more."""

    parts: Parts
    gate: Gate
    past: Past

    async def of(self, run: Sequence[Case]) -> list[Again]:
        """What becomes of the run's cases now. Raises EngineError."""
        first, bot = run[0], self.parts.bot
        await self.past.forward(
            first.at,
            index=self.parts.index,
            model=self.parts.embedder.model,
            seen={entry: revision for case in run for entry, revision in case.seen.items()},
            at_once=first.purpose == STANDING,
        )
        channel = await self.parts.ledger.chats.channel(first.tenant, first.channel)
        if channel is None:
            raise EngineError(f"channel {first.channel} is not in the ledger")
        place = Place(
            tenant=first.tenant,
            channel=first.channel,
            spaces=spaces_of({**channel, "space": first.space}),
            oncall=first.conversation,
        )
        sent, standing = await self._sent(first)
        with metered(bot.calls_per_run):
            trace = await self._trace(first, place=place, scope=bot.scope(channel), sent=sent)
        return [self._outcome(case, trace, standing) for case in run]

    async def _trace(self, case: Case, *, place: Place, scope: str, sent: Sequence[Sent]) -> Trace:
        rows = await self.parts.ledger.fetch(
            "SELECT * FROM messages WHERE oncall = :oncall AND deleted = 0 AND at <= :through "
            "ORDER BY at DESC, ts DESC LIMIT :limit",
            oncall=case.conversation,
            through=stamp(case.through),
            limit=_READ,
        )
        messages = [to_message(row) for row in reversed(rows)]
        if case.purpose == ASKED:  # whoever asks the bot itself asks as a customer
            messages = [replace(m, role=Role.CUSTOMER) if m.id in case.triggers else m for m in messages]
        dialogue = Dialogue(messages=tuple(messages))
        pipeline = self.parts.bot.pipeline
        if case.purpose == STANDING:
            return await pipeline.again(dialogue, case.question, place=place, sent=sent)
        newest = [m for m in messages if m.id in case.triggers]
        direct = case.purpose == ASKED
        return await pipeline.run(dialogue, newest, scope=scope, place=place, sent=sent, direct=direct)

    async def _sent(self, case: Case) -> tuple[list[Sent], int]:
        """The cards that had been decided by then and went out, and how many of them nobody had accepted."""
        rows = await self.parts.ledger.fetch(
            "SELECT a.id, a.text, a.leaned, (a.outcome = 'withdrawn' AND a.outcome_at <= :at) AS gone, "
            "EXISTS (SELECT 1 FROM feedback f WHERE f.answer = a.id AND f.kind = 'accept' AND f.at <= :at) "
            "AS accepted FROM answers a WHERE a.oncall = :oncall AND a.at < :at AND EXISTS (SELECT 1 "
            "FROM deliveries d WHERE d.answer = a.id AND d.sent_at IS NOT NULL) ORDER BY a.at, a.id",
            oncall=case.conversation,
            at=stamp(case.at),
        )
        if not rows:
            return [], 0
        leaned = [leaned_on(row) for row in rows]
        current = await self.parts.ledger.entries.current([entry for each in leaned for entry in each])
        sent = [
            Sent(
                answer=row["id"],
                text=row["text"],
                leaned=each,
                current={entry: current[entry].revision for entry in each if entry in current},
            )
            for row, each in zip(rows, leaned, strict=True)
        ]
        return sent, sum(_waits(row) for row in rows)

    def _outcome(self, case: Case, trace: Trace, standing: int) -> Again:
        judged = _meant(case, trace)
        if judged is None:
            return Again(stands=False, why=f"no question: {trace.identification.reason}".rstrip(": "))
        if judged.answer.refused:
            return Again(stands=False, why=judged.answer.reason or "no passage supports an answer")
        if judged.addressed_by is not None or judged.said_by is not None:
            return Again(stands=False, why="a human had answered")
        if judged.duplicate is not None:
            return Again(stands=False, why="says what a card said before")
        verdict = self.gate.decide(
            mode=Mode.EVERYONE if case.mode is Mode.LISTEN else case.mode,
            confidence=judged.answer.confidence,
            standing=0 if case.purpose == ASKED else standing,
            quiet=False,
            enough=judged.enough,
        )
        if verdict.decision is Decision.HOLD:
            return Again(stands=False, why=verdict.reason)
        return Again(stands=True, text=judged.answer.text, url=next(iter(judged.answer.sources), ""))


def _waits(row: Row) -> bool:
    return not row["accepted"] and not row["gone"]


def _meant(case: Case, trace: Trace) -> Judged | None:
    """The question of a run that is the recorded one: of the same messages, in the same words and place."""
    wanted = set(case.question.message_ids)

    def likeness(place: int) -> tuple[int, bool, bool]:
        question = trace.judged[place].question
        shared = len(wanted.intersection(question.message_ids))
        return shared, question.text == case.question.text, case.answer.endswith(f".{place}")

    best = max(range(len(trace.judged)), key=likeness, default=None)
    return None if best is None else trace.judged[best]
