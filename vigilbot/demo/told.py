"""The story in the terminal: played through the real core on a simulated clock, told line by line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vigilbot.app import Parts, assembled
from vigilbot.cards import Card, plain_text
from vigilbot.demo.story import ANALYST, ANALYST_TITLE, STORY, Accept, Heading, Say, Step, Wait
from vigilbot.domain import Event, EventKind
from vigilbot.platforms.replay import ReplayPlatform
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SimulatedClock
from vigilbot.replay import Life
from vigilbot.settings import Settings

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT, CHANNEL, CHANNEL_NAME = "DEMO", "C-SUPPORT", "support"


@dataclass(slots=True)
class Telling:
    """Plays the steps and tells what happens, line by line, through ``out``."""

    parts: Parts
    life: Life
    clock: SimulatedClock
    platform: ReplayPlatform
    out: Callable[[str, str], None]  # (kind, text)
    shown: int = 0
    number: int = 0

    async def play(self, story: tuple[Step, ...]) -> None:
        threads: dict[str, str] = {}
        now = BEGIN
        for step in story:
            if isinstance(step, Heading):
                await self._until(now + timedelta(seconds=45))
                self.out("heading", step.text)
                continue
            now += timedelta(minutes=step.minutes if isinstance(step, Wait) else step.after)
            if isinstance(step, Wait):
                self.out("wait", f"{step.minutes:g} minutes pass: {step.why}")
            await self._until(now)
            if isinstance(step, Say):
                ts = f"{now.timestamp():.6f}"
                thread = threads.setdefault(step.thread, ts)
                self.out("say", f"{now:%H:%M}  {step.who}: {step.text}")
                await self.life.event(_posted(step, now, ts=ts, thread=thread))
            elif isinstance(step, Accept):
                await self._accept(step, now, threads[step.thread])
        await self._until(now + timedelta(minutes=2))

    async def _until(self, at: datetime) -> None:
        before = await self._knowledge()
        await self.life.until(at)
        self.clock.advance_to(max(at, self.clock.now()))
        for posted in self.platform.posted[self.shown :]:
            self.out("card", f"{posted.at:%H:%M}  " + plain_text(posted.card))
        self.shown = len(self.platform.posted)
        for entry, line in (await self._knowledge()).items():
            if before.get(entry) != line:
                self.out("learned", line)

    async def _accept(self, step: Accept, now: datetime, thread: str) -> None:
        posted = [p for p in self.platform.posted if p.thread == thread]
        if not posted:
            self.out("wait", f"{now:%H:%M}  {step.who} has no card to accept")
            return
        answer = _answer_id(posted[-1].card)
        say = Say(thread=step.thread, who=step.who, text="")
        clicked = _posted(say, now, ts=thread, thread=thread)
        reply = await self.parts.bot.clicks.accept(answer_id=answer, clicked=clicked)
        await self.parts.bot.work()
        self.out("say", f"{now:%H:%M}  {step.who} clicks Accept: {reply.text}")
        await self._until(now)

    async def _knowledge(self) -> dict[str, str]:
        rows = await self.parts.ledger.entries.list_current()
        return {
            row["entry"]: f"{row['entry']} (revision {row['revision']}, {row['trust']}, "
            f"on-calls that speak for it: {row['support']})\n"
            f"Q: {row['question']}\nA: {row['answer']}"
            for row in rows
        }


def _answer_id(card: Card) -> str:
    return card.actions[0].value


def _posted(step: Say, at: datetime, *, ts: str, thread: str) -> Event:
    return Event(
        kind=EventKind.POSTED,
        tenant=TENANT,
        channel=CHANNEL,
        channel_name=CHANNEL_NAME,
        ts=ts,
        thread=thread,
        user=f"U-{step.who.upper()}",
        user_name=step.who,
        user_title=ANALYST_TITLE if step.who == ANALYST else "",
        at=at,
        key=f"demo:{ts}",
        natural_key=f"message:{TENANT}:{CHANNEL}:{ts}",
        text=step.text,
    )


async def play(
    settings: Settings, out: Callable[[str, str], None], *, embedder: Embedder | None = None
) -> None:
    """The whole story from empty knowledge, in a ledger that is thrown away."""
    clock = SimulatedClock(BEGIN)
    platform = ReplayPlatform(clock=clock)
    with tempfile.TemporaryDirectory(prefix="vigilbot-demo-") as folder:
        async with assembled(
            settings,
            platform=platform,
            clock=clock,
            folder=Path(folder),
            embedder=embedder,
            latency=timedelta(seconds=5),
            durable=False,
        ) as parts:
            life = Life(bot=parts.bot, clock=clock)
            await Telling(parts=parts, life=life, clock=clock, platform=platform, out=out).play(STORY)
