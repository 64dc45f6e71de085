"""How a running bot is doing: what keeps it from its work, what is degraded, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from vigilbot.app import Parts
from vigilbot.engines.fallback import FallbackEngine, FallbackState
from vigilbot.errors import LedgerError
from vigilbot.ledger import Ledger
from vigilbot.ledger.figures import UNKNOWN, WAITING
from vigilbot.ledger.rows import moment
from vigilbot.ports import Clock
from vigilbot.server import IndexFigures
from vigilbot.stores.generational import GenerationalIndex

BEHIND = timedelta(minutes=2)  # an event that waits longer than this makes the bot unready
WORKING = "It is tried again by itself; free disk space if it is full, else the log tells the cause"
CONNECTING = "It is tried again by itself; `vigilbot doctor` checks network, proxy and tokens"
WRITING = "Free disk space, or look at the folder's permissions; the platform sends the events again"
READING = "`vigilbot doctor` examines the ledger; `vigilbot restore` puts a backup in its place"
CATCHING_UP = "Usually it is catching up; when the number grows, the log tells what stops it"
UNMODELLED = (
    "Only verified answers are given meanwhile. Look at the provider, the key and model.api_base; it is "
    "tried again by itself"
)
RESTING = "It is tried again by itself; `vigilbot status` tells the error. Look at the provider and the key"
REBUILDING = "Nothing: answers are the same. When it comes back, look at the disk"
UNHEARD = "Nothing: they are looked up before they are sent again"
GIVEN_UP = "`vigilbot dead list` shows them; retry or drop them"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """A line for an operator, and what to do about it; "" where there is nothing to do."""

    said: str
    remedy: str = ""

    @property
    def line(self) -> str:
        return f"{self.said}. {self.remedy}" if self.remedy else self.said


def engine_state(parts: Parts | None) -> FallbackState | None:
    """Of the language model's side of the engine; None where there is none."""
    engine = parts.bot.pipeline.engine if parts else None
    return engine.state() if isinstance(engine, FallbackEngine) else None


def index_figures(parts: Parts | None) -> IndexFigures | None:
    if parts is None or not isinstance(parts.index, GenerationalIndex):
        return None
    state = parts.index.state
    return IndexFigures(
        ready=state.ready, vectors=state.vectors, behind=state.behind, rebuilds=state.rebuilds
    )


def degraded(parts: Parts | None) -> Iterator[Sign]:
    """What does not stop it: models that rest, an index that is being rebuilt."""
    engine = engine_state(parts)
    if engine is not None:
        if engine.engaged:
            said = "no language model answers: the extractive engine stands in"
            yield Sign(said=said, remedy=UNMODELLED)
        for model in engine.models:
            if model.state != "closed":
                until = f" until {model.until:%H:%M:%S}" if model.until else ""
                yield Sign(said=f"{model.model} failed and rests{until}", remedy=RESTING)
    index = index_figures(parts)
    if index is not None and index.rebuilds and not index.ready:
        said = "the vector index is being rebuilt, exact search serves meanwhile"
        yield Sign(said=said, remedy=REBUILDING)


async def of_ledger(ledger: Ledger, clock: Clock) -> tuple[list[Sign], list[Sign]]:
    """What keeps it from its work, and what somebody should look at."""
    try:
        [waiting] = await ledger.fetch(WAITING)
        [unknown] = await ledger.fetch(UNKNOWN)
        dead = await ledger.dead.counted()
    except LedgerError as error:
        return [Sign(said=f"the ledger cannot be read ({error})", remedy=READING)], []
    reasons, remarks = [], []
    if waiting["oldest"] and clock.now() - moment(waiting["oldest"]) > BEHIND:
        said = f"{waiting['events']} events wait, the oldest since {waiting['oldest']}"
        reasons.append(Sign(said=said, remedy=CATCHING_UP))
    if unknown["n"]:
        said = f"{unknown['n']} cards were sent and nothing was heard of them"
        remarks.append(Sign(said=said, remedy=UNHEARD))
    if dead:
        kinds = ", ".join(f"{n} {kind}" for kind, n in dead.items())
        remarks.append(Sign(said=f"given up after all tries: {kinds}", remedy=GIVEN_UP))
    return reasons, remarks
