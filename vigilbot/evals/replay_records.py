"""What a replay leaves behind to be scored: plain records, read from the ledger after the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from vigilbot.domain import Citation, Outcome
from vigilbot.evals.gold import LabelledOnCall, LabelledQuestion


class Point(StrEnum):
    """The moments of a conversation at which the ranking of documents is scored."""

    FIRST_MESSAGE = "first_message"  # the first in-scope message of the customer
    BEFORE_RESOLUTION = "before_resolution"  # the customer's last message before the resolution
    AT_RESOLUTION = "at_resolution"  # the same messages, when the human's answer is about to come


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedAt:
    """What a run, shown or not, would have cited: distinct citation URLs, best first, maybe none.

    ``at`` is the moment whose knowledge it used: the time of its newest trigger message or of the resolution,
    not the time at which it ended. ``channel`` is the id, ``thread`` the ts of the thread's first message.
    ``stated`` is the engine's own confidence, ``confidence`` what the gate is told. ``decided`` is False
    where no confidence would have posted a card: the answer was refused, or a human had said so already.
    """

    channel: str
    thread: str
    point: Point
    at: datetime
    urls: tuple[str, ...]
    confidence: float
    stated: float
    decided: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """An answer, shown or held back, whose truth came out. ``stated`` is the engine's own confidence."""

    confidence: float
    stated: float
    right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CardPosted:
    """A card that was really posted.

    ``triggers`` are the ts of the customer messages it answers. ``human_at`` is when a human's
    message first addressed the question after the card, ``human_text`` what it said. ``agrees``
    says whether human and card say the same, ``similarity`` how near they are (cosine); None when
    nobody can tell. ``question_id`` is the ledger's.
    """

    channel: str
    channel_name: str
    thread: str
    at: datetime
    question: str
    text: str
    first_url: str  # "" without a link
    confidence: float
    sources: tuple[Citation, ...] = ()  # everything it cites, in the order of its markers
    triggers: tuple[str, ...] = ()
    human_at: datetime | None = None
    human_text: str = ""
    agrees: bool | None = None
    similarity: float | None = None
    question_id: str = ""
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """One entry learned during the replay, as it stood at the end."""

    question: str
    answer: str
    support: int  # on-calls that speak for it
    channel_name: str = ""


class Fate(StrEnum):
    """What the bot did with one question within scope."""

    CARD = "card"
    HELD = "held"
    DUPLICATE = "duplicate"
    BEATEN = "beaten"  # a human answered before the card was out
    ABSTAINED = "abstained"
    LATE = "late"  # neither in time nor beaten: stale, or its delivery was skipped


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One question within scope, as the bot understood it.

    ``settled``: a human resolved it, as far as the bot could tell. Questions of one ``group`` are
    alike: near in meaning to the group's oldest.
    """

    channel: str
    channel_name: str
    thread: str
    at: datetime
    text: str
    fate: Fate
    settled: bool
    group: int
    id: str = ""  # the ledger's


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownOn:
    """Entries in force at the end of a day (UTC). Only days on which something changed."""

    day: date
    in_force: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelUse:
    """What language models were asked for. ``dollars`` None: a model's price is not known.

    With replies kept from an earlier run, tokens, dollars and milliseconds are those of that run:
    what the replay would have cost without them.
    """

    models: tuple[str, ...]
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    ms: tuple[float, ...] = ()  # of the calls that did not fail


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """``held`` counts answers kept back by mode, confidence or space (Result.HELD)."""

    conversations: int
    messages: int
    customer_messages: int
    runs: int
    abstained: int
    held: int
    duplicates: int
    beaten_by_human: int
    no_question: int = 0
    out_of_scope: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeCounts:
    """At the end: entries in force by kind, and the revisions and retractions on the way."""

    qa: int
    chunks: int
    revised: int
    retracted: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayRecords:
    """Everything a report is made of. ``stage_ms`` are wall-clock milliseconds by stage, in the order
    the stages run; ``seconds`` the wall-clock time of the replay after start-up.
    """

    export: str
    engine: str
    start: str
    first_at: datetime
    last_at: datetime
    counts: Counts
    knowledge: KnowledgeCounts
    cards: tuple[CardPosted, ...]
    ranked: tuple[RankedAt, ...] = ()
    reviewed: tuple[Reviewed, ...] = ()
    learned: tuple[Learned, ...] = ()
    questions: tuple[Asked, ...] = ()
    growth: tuple[KnownOn, ...] = ()
    model_use: ModelUse | None = None  # None: no model ran
    stage_ms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def labelled_question(oncall: LabelledOnCall, triggers: Iterable[str]) -> LabelledQuestion | None:
    """The labelled question that a run for these messages answers: the latest one asked in them."""
    wanted = frozenset(triggers)
    found = [q for q in oncall.questions if oncall.messages[q.asked].ts in wanted]
    return max(found, key=lambda q: q.asked, default=None)
