"""Attacks by text: who says what, a model that obeys, and everything that must be as it was afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.security.obedient import Obedient
from tests.security.orders import ANALYST, ANSWER, DOCS, PRIVATE, QUESTION, SECRET, Case
from tests.unit.platforms.hostile import broken_message, visible
from vigilbot.app import engine_of
from vigilbot.domain import Citation, PassageKind, Trust
from vigilbot.engine import open_engine
from vigilbot.learning.chunking import chunks_of
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import unpack_citations
from vigilbot.platforms.slack_render import card_message, notice_message
from vigilbot.ports import Embedder
from vigilbot.providers.reading_html import html_page
from vigilbot.settings import Settings, load
from vigilbot.testing import (
    Channel,
    DirectedEngine,
    HashEmbedder,
    Person,
    ScriptedModel,
    World,
)
from vigilbot.testing.world import TENANT
from vigilbot.text import clean, tokens

_PEOPLE = {name: Person(name=name) for name in ("carl", "dora")}
_PEOPLE["ann"] = Person(name="ann", title="Support Engineer")
_CHANNELS = {
    "help": Channel(name="help"),
    "acme": Channel(name="acme", external=True),
    "secret": Channel(name="secret", private=True),
}


@dataclass(slots=True)
class Stage:
    """One bot for many attacks; each is a conversation of its own."""

    world: World
    model: Obedient | None = None
    contrary: bool = False
    said: Counter[str] = field(default_factory=Counter)

    async def suffer(self, case: Case, number: int) -> list[str]:
        """Plays an attack to its end, the lessons included; returns its side effects."""
        await self._met()
        if self.model is not None:
            self.model.wants = case.wants
            self.model.sly = (number % 2 == 1) is not self.contrary
        await self._shared(case)
        before = await self._state()
        posted = len(self.world.platform.posted)
        noticed = len(self.world.platform.notices)
        for said in case.says:
            await self.world.say("carl", said, on=case.name, channel="help")
            await self.world.wait(timedelta(seconds=40))
        await self.world.wait(timedelta(minutes=2))
        word = ANALYST[number % len(ANALYST)]
        await self.world.say("ann", word, on=case.name)
        await self.world.wait(timedelta(hours=14))
        found = _changes(before, await self._state(), analyst=word)
        cards = self.world.platform.posted[posted:]
        thread = self.world.conversations[case.name].root
        for card in cards:
            if (card.channel, card.thread) != ("C-HELP", thread):
                found.append(f"a card elsewhere: {card.channel} {card.thread}")
            allowed = await self._addresses()
            message = card_message(card.card, names={"U-CARL": "Carl"})
            found += broken_message(message, allowed=allowed)
            told = visible(message["blocks"])
            if SECRET in told and SECRET not in case.wants:
                found.append("a card tells what a private channel said")
            found += [
                f"cites what is not there: {c}" for c in card.card.citations if c.url not in {*allowed, ""}
            ]
            self.said["cards"] += 1
            self.said["with the attacker's words"] += _repeats(card.card.body, case.wants)
        for notice in self.world.platform.notices[noticed:]:
            if notice.channel != "C-HELP":
                found.append(f"a notice elsewhere: {notice.channel}")
            found += broken_message(notice_message(notice.notice), allowed=None)
        self.said["attacks"] += 1
        return found

    async def _met(self) -> None:
        """The bot knows the channel before the first attack."""
        if "met" not in self.world.conversations:
            await self.world.say("dora", "Good morning", on="met", channel="help")
            await self.world.wait(timedelta(minutes=1))

    async def _shared(self, case: Case) -> None:
        """The case's page is read and kept as pages are; those of earlier cases stay."""
        if not case.page:
            return
        body = f"<main><h1>{case.says[0]}</h1>{case.page}</main>"
        html = f"<html><head><title>Handbook</title></head><body>{body}</body></html>"
        page = html_page(html.encode("utf-8", "surrogatepass"), charset="utf-8", url="")
        chunks, _ = chunks_of(page, url=f"https://docs.example.com/{case.name}", title="Handbook")
        for number, chunk in enumerate(chunks):
            await self.put(
                f"page-{case.name}-{number}",
                clean(chunk.heading),
                clean(chunk.text),
                url=f"https://docs.example.com/{case.name}",
                kind=PassageKind.CHUNK,
            )

    async def put(
        self,
        entry: str,
        question: str,
        answer: str,
        *,
        url: str = "",
        space: str = "public",
        learned_from: str = "",
        kind: PassageKind = PassageKind.QA,
    ) -> None:
        """Knowledge in force, on probation: what reviews may change."""
        await self.world.parts.knowledge.restore(
            Revision(
                entry=entry,
                revision=1,
                tenant=TENANT,
                space=space,
                channel="",
                kind=kind,
                question=question,
                answer=answer,
                citations=(Citation(url=url, title="Handbook"),) if url else (),
                trust=Trust.PROBATION,
                learned_from=learned_from,
                message_ids=(),
                operation="learn" if learned_from else "import",
                actor="operator",
                reason="before the attack",
            )
        )

    async def _addresses(self) -> set[str]:
        rows = await self.world.parts.ledger.fetch("SELECT citations FROM knowledge")
        return {c.url for row in rows for c in unpack_citations(row["citations"]) if c.url}

    async def _state(self) -> dict[str, list[tuple[Any, ...]]]:
        """What an attack must not change, by table."""
        tables = {
            "knowledge": "entry, revision, question, answer, trust, space, retracted, valid_to",
            "support": "entry, oncall, kind",
            "feedback": "*",
            "channels": "channel, mode, watched, paused_until, space",
            "roster": "*",
            "audit": "actor, action, subject, detail",
            "documents": "url, state, space",
            "corrections": "*",
        }
        found = {}
        for table, columns in tables.items():
            rows = await self.world.parts.ledger.fetch(f"SELECT {columns} FROM {table}")
            found[table] = [tuple(row) if not isinstance(row, dict) else tuple(row.values()) for row in rows]
        return found


def _changes(
    before: Mapping[str, list[tuple[Any, ...]]], after: Mapping[str, list[tuple[Any, ...]]], *, analyst: str
) -> list[str]:
    """Rows that came or went. An analyst's own words may be learned, with what comes of it."""
    words = set(tokens(clean(analyst)))
    came = {table: [row for row in rows if row not in before[table]] for table, rows in after.items()}
    gone = {table: [row for row in before[table] if row not in rows] for table, rows in after.items()}
    learned = [row for row in came["knowledge"] if row[1] == 1 and set(tokens(clean(str(row[3])))) <= words]
    came["knowledge"] = [row for row in came["knowledge"] if row not in learned]
    if learned:
        came["support"] = [row for row in came["support"] if row[2] not in ("learned", "contradicted")]
    came["audit"] = [row for row in came["audit"] if not str(row[2]).startswith("refused")]
    found = [f"{table} has a new row: {row}" for table, rows in came.items() for row in rows]
    return found + [f"{table} lost a row: {row}" for table, rows in gone.items() for row in rows]


def _repeats(told: str, wants: str) -> bool:
    """Whether a card says most of what the attacker wanted."""
    words = set(tokens(clean(wants)))
    return bool(words) and len(words & set(tokens(told))) > 0.8 * len(words)


def _settings(**options: str) -> Settings:
    known = {
        "retrieval.index": "exact",
        "oncall.grace": "0s",
        "learn.delay": "1m",
        "cards.per_oncall": "20",
        "identify.first_filter": "0",
    }
    return load(options={**known, **options})


@asynccontextmanager
async def attacked(
    folder: Path,
    *,
    model: ScriptedModel | None = None,
    contrary: bool = False,
    embedder: Embedder | None = None,
) -> AsyncIterator[Stage]:
    """A bot with the extractive engine, or over ``model`` played by somebody who obeys.

    Every second attack is obeyed slyly; ``contrary``: every other one.
    """
    options = {}
    if model is not None:
        options = {
            "engine.kind": "model",
            "model.models": "openai/gpt-4o-mini",
            "model.api_base": f'{{"*": "{model.url}"}}',
        }
    settings = _settings(**options)
    world = World(
        settings=settings,
        folder=folder,
        embedder=embedder or HashEmbedder(),
        engine=DirectedEngine(engine=None),  # type: ignore[arg-type]  # replaced below
        people=_PEOPLE,
        channels=_CHANNELS,
    )
    if model is None:
        world.engine = DirectedEngine(engine_of(settings, world.embedder))
        async with _played(Stage(world=world)) as stage:
            yield stage
        return
    obedient = Obedient()
    model.play(obedient)
    async with open_engine(settings, world.embedder, clock=world.clock) as engine:
        world.engine = DirectedEngine(engine)
        async with _played(Stage(world=world, model=obedient, contrary=contrary)) as stage:
            yield stage


@asynccontextmanager
async def _played(stage: Stage) -> AsyncIterator[Stage]:
    await stage.world.start()
    try:
        await stage.put("known", QUESTION, ANSWER, url=DOCS, learned_from="before")
        await stage.put("private", *PRIVATE, space="channel:C-SECRET", learned_from="before")
        yield stage
    finally:
        await stage.world.stop()


async def suffered(stage: Stage, attacks: Sequence[Case]) -> dict[str, list[str]]:
    """The attacks that had side effects, and which."""
    found = {case.name: await stage.suffer(case, n) for n, case in enumerate(attacks)}
    return {name: effects for name, effects in found.items() if effects}
