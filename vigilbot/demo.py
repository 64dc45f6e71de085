"""An on-call story written for the project, played through the real core on a simulated clock.

Nothing is staged: what the bot says, keeps back and learns is what it does. The story has the
paper's two cases in it: a workaround from one on-call that helps in another the same day, and one
that misfires because the cause is another, after which review adds the precondition.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vigilbot.app import Parts, assembled
from vigilbot.cards import Card, plain_text
from vigilbot.domain import Event, EventKind
from vigilbot.platforms.replay import ReplayPlatform
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SimulatedClock
from vigilbot.replay import Life
from vigilbot.settings import Settings

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT, CHANNEL, CHANNEL_NAME = "DEMO", "C-SUPPORT", "support"
ANALYST_TITLE = "support analyst"


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """``after`` is minutes since the step before; ``thread`` names the on-call."""

    thread: str
    who: str
    text: str
    after: float = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    thread: str
    who: str
    after: float = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    minutes: float
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    text: str


Step = Say | Accept | Wait | Heading

STORY: tuple[Step, ...] = (
    Heading(text="1. A question nobody has answered yet: the bot stays silent and learns"),
    Say(
        thread="nina",
        who="Nina",
        text="Hello! Since this morning our nightly export to the Harbor bucket fails with ERR-4031. "
        "What does it mean and how do we get it running again?",
    ),
    Say(thread="nina", who="Sam", text="Hi Nina, let me have a look.", after=4),
    Say(
        thread="nina",
        who="Sam",
        text="ERR-4031 means that the write token of the bucket has expired. Create a new token under "
        "Settings > Tokens and restart the exporter: https://docs.harbor.example/tokens",
        after=9,
    ),
    Say(thread="nina", who="Nina", text="That worked, thank you!", after=6),
    Heading(text="2. The same trouble in other words: the card comes before the human, and is accepted"),
    Say(
        thread="omar",
        who="Omar",
        text="Our uploads to the Harbor bucket are rejected with ERR-4031 since today. "
        "What can we do about it?",
        after=40,
    ),
    Accept(thread="omar", who="Omar", after=3),
    Heading(text="3. The same symptom, another cause: the card misfires, review adds the precondition"),
    Say(
        thread="priya",
        who="Priya",
        text="The Harbor bucket rejects our uploads with ERR-4031, although the write token is brand new. "
        "What can we do about it?",
        after=60,
    ),
    Say(
        thread="priya",
        who="Sam",
        text="If the token is new, ERR-4031 means that the clock of your server is more than five "
        "minutes off. Run `chronyc makestep` on the server and restart the exporter.",
        after=12,
    ),
    Wait(minutes=30, why="the on-call is quiet, so the card nobody accepted is reviewed"),
    Say(
        thread="quinn",
        who="Quinn",
        text="We have a new write token, and still the Harbor bucket rejects uploads with ERR-4031. "
        "What can we do?",
        after=30,
    ),
    Heading(text="4. A standing question: what one on-call teaches answers another that still waits"),
    Say(
        thread="rosa",
        who="Rosa",
        text="How can we move a Harbor bucket to the Frankfurt region without downtime?",
        after=45,
    ),
    Say(
        thread="timo",
        who="Timo",
        text="Is it possible to move our Harbor bucket to the Frankfurt region without any downtime?",
        after=10,
    ),
    Say(
        thread="timo",
        who="Sam",
        text="Yes: turn on replication to a bucket in Frankfurt, wait until the lag shows zero and then "
        "switch the alias of the bucket: https://docs.harbor.example/move-region",
        after=8,
    ),
    Wait(minutes=10, why="the resolution is learned a few minutes after it was given"),
)


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
        user_title=ANALYST_TITLE if step.who == "Sam" else "",
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
