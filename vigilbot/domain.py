"""The nouns of VigilBot: frozen values that every other module passes around.

Texts are what people wrote, after the platform's markup was turned into plain text (a mention is
``@name``, a link is its URL). Times are aware UTC datetimes. Identifiers are opaque strings.
Paper sections are cited as in ARCHITECTURE.md ("Sources").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Who wrote a message, seen from the on-call."""

    CUSTOMER = "customer"
    ANALYST = "analyst"
    PEER = "peer"  # another member of a public channel: may help, verifies nothing
    BOT = "bot"


class Unit(StrEnum):
    """What one on-call is: a thread, or a channel between two silences."""

    THREAD = "thread"
    CHANNEL = "channel"


class Gate(StrEnum):
    """When the action cycle of an on-call starts (Vigil 3.1)."""

    ANALYST_JOINED = "analyst_joined"
    IMMEDIATELY = "immediately"


class Mode(StrEnum):
    """How far the bot may go in a channel (selective autonomy, stages)."""

    LISTEN = "listen"
    ANALYSTS = "analysts"
    EVERYONE = "everyone"


class Scope(StrEnum):
    """The three classes of question identification (Vigil 3.1.1)."""

    WITHIN = "within"
    OUT = "out"
    NONE = "none"


class OnCallState(StrEnum):
    WAITING = "waiting"  # the gate has not opened
    OPEN = "open"
    CLOSED = "closed"


class QuestionState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"  # a card stands
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"  # the on-call ended without an answer
    WITHDRAWN = "withdrawn"  # its asker changed or deleted it before it was answered


class Decision(StrEnum):
    """What the gate of autonomy says of one answer."""

    EVERYONE = "everyone"
    ANALYSTS = "analysts"
    HOLD = "hold"


class Result(StrEnum):
    """How the online path of one run ended, before anybody reacted."""

    NO_QUESTION = "no_question"  # none of the messages asks anything
    OUT_OF_SCOPE = "out_of_scope"
    ANSWERED_BY_HUMAN = "answered_by_human"  # an analyst had answered before the run
    ABSTAINED = "abstained"  # in scope, no passage supports an answer
    DUPLICATE = "duplicate"  # says what a card sent in this on-call already says
    HELD = "held"  # an answer exists; mode, confidence or space keeps it back
    DECIDED = "decided"  # a delivery row exists
    STALE = "stale"  # came too late to be of use


class DeliveryState(StrEnum):
    DUE = "due"
    SENT = "sent"
    BEATEN_BY_HUMAN = "beaten_by_human"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """What became of an answer in time. Typed, never one bit (selective autonomy, outcomes)."""

    ACCEPTED_BY_ASKER = "accepted_by_asker"
    VERIFIED = "verified"  # accepted by an analyst
    CONSISTENT_BY_HUMAN = "consistent_by_human"
    CONTRADICTED = "contradicted"
    BEATEN = "beaten"
    WITHDRAWN = "withdrawn"
    IGNORED = "ignored"
    ENVIRONMENT = "environment"


RIGHT = frozenset({Outcome.VERIFIED, Outcome.ACCEPTED_BY_ASKER, Outcome.CONSISTENT_BY_HUMAN})
"""What says that an answer was right."""
WRONG = frozenset({Outcome.WITHDRAWN, Outcome.CONTRADICTED})


class Verdict(StrEnum):
    """The three ways of review (Vigil 3.2.2)."""

    KEEP = "keep"
    DELETE = "delete"
    UPDATE = "update"


class PassageKind(StrEnum):
    QA = "qa"
    CHUNK = "chunk"
    TOOL = "tool"


class Trust(StrEnum):
    PROBATION = "probation"
    CONFIRMED = "confirmed"  # several customers' on-calls came to it by themselves
    VERIFIED = "verified"  # an analyst or an operator stands by it


class SupportKind(StrEnum):
    """Why an on-call counts for an entry; one row per entry, on-call and kind."""

    LEARNED = "learned"
    REPEATED = "repeated"  # learned again from another on-call
    ACCEPTED_BY_ASKER = "accepted_by_asker"
    VERIFIED = "verified"
    AGREED = "agreed"  # review: the human said the same
    CONTRADICTED = "contradicted"  # review: the human said otherwise (counts against)


class EventKind(StrEnum):
    POSTED = "posted"
    EDITED = "edited"
    DELETED = "deleted"
    REACTION_ADDED = "reaction_added"
    REACTION_REMOVED = "reaction_removed"
    MEMBER_JOINED = "member_joined"
    MEMBER_LEFT = "member_left"
    CHANNEL_CHANGED = "channel_changed"  # its name, who shares it, whether it is archived
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A reference to a picture in a message; its bytes stay on the platform."""

    url: str
    title: str = ""
    media_type: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that happened on a platform, as an adapter hands it to the core.

    ``key`` identifies the transport's delivery, ``natural_key`` the happening itself: two events
    with the same natural key are the same happening, whatever brought them.
    """

    kind: EventKind
    tenant: str
    channel: str
    ts: str  # the platform's id of the message meant; sorts in time order within a channel
    thread: str  # the platform's id of the thread's first message; equals ts for a first message
    user: str
    at: datetime
    key: str
    natural_key: str
    text: str = ""
    images: tuple[Image, ...] = ()
    reaction: str = ""
    is_bot: bool = False
    is_self: bool = False  # the bot did it, or it happened to the bot or to its message
    addressed: bool = False  # says the bot's name, or is a direct message to it
    thread_author: str = ""  # who began the thread, where the platform says so
    completed: bool = True  # False: names, groups and flags below are still to be asked for (Directory)
    user_name: str = ""
    user_title: str = ""
    user_external: bool = False  # another company, a guest
    user_groups: tuple[str, ...] = ()
    user_admin: bool = False  # an owner or admin of the workspace
    channel_name: str = ""
    channel_external: bool = False  # shared with another company
    channel_private: bool = False
    channel_direct: bool = False  # a direct message to the bot
    channel_archived: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of an on-call, in its latest version."""

    id: str
    ts: str
    at: datetime
    role: Role
    author: str
    text: str
    images: tuple[Image, ...] = ()
    author_name: str = ""
    thread: str = ""  # the platform's thread it stands in; its own ts outside of one
    version: int = 1  # edits and deletion count up


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialogue:
    """Messages of one on-call in time order, as far as they have happened."""

    messages: tuple[Message, ...]

    def after(self, at: datetime) -> tuple[Message, ...]:
        return tuple(m for m in self.messages if m.at > at)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCall:
    id: str
    tenant: str
    channel: str
    thread: str
    state: OnCallState
    opened_at: datetime
    customer: str  # who asked first; "" while nobody did
    last_at: datetime
    joined_at: datetime | None = None  # when a human intervened
    quiet: bool = False  # somebody told the bot to be quiet here


@dataclass(frozen=True, kw_only=True, slots=True)
class Citation:
    """A source a reader can open. ``url`` is empty for an earlier case without a link."""

    url: str
    title: str


HEADINGS = " > "
"""Between the headings of a chunk's path."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnowledgeEntry:
    """The current revision of one thing the bot knows."""

    id: str
    revision: int
    kind: PassageKind
    question: str  # for a chunk: the document's name and the headings above it, joined by HEADINGS
    answer: str  # for a chunk: its text
    citations: tuple[Citation, ...]
    trust: Trust
    space: str
    channel: str  # where it was learned; "" for imports
    learned_from: str  # on-call id, or "" for documents and imports
    message_ids: tuple[str, ...]  # the analysts' messages it rests on
    valid_from: datetime
    actor: str
    precondition: str = ""
    expires_at: datetime | None = None

    @property
    def about(self) -> str:
        """The text whose names (codes, versions) say what the entry is about."""
        if self.kind is PassageKind.QA:
            return f"{self.question}\n{self.precondition}"
        return f"{self.question}\n{self.answer}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A knowledge entry as retrieved for one question. Higher score is better everywhere."""

    entry: KnowledgeEntry
    dense: float  # cosine similarity, -1 to 1
    lexical: float  # 0 without a shared rare term
    score: float  # fused, then replaced by the reranker's
    support: int = 1  # independent on-calls that speak for it
    against: int = 0  # on-calls whose human said otherwise
    resolutions: int = 0  # on-calls of the asking channel that it resolved
    fresh: bool = False  # learned within the last hours: what happens now may happen to others now
    evidence: Mapping[str, float] = field(default_factory=dict)  # the reranker's, for its resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class PastCase:
    """What an on-call asked, and the resolutions it came to (see ChannelHistory)."""

    oncall: str
    question: str
    resolutions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelHistory:
    """What resolved the asking channel's on-calls so far; the newest of them are ``cases``.

    ``times`` counts on-calls by resolution: the canonical URL of each cited document, or the entry's
    id where nothing is cited.
    """

    times: Mapping[str, int] = field(default_factory=dict)
    cases: tuple[PastCase, ...] = ()
    channel: str = ""  # with its tenant: what is worked out of the cases is kept by it


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A self-contained question an engine made of one or more customer messages (Vigil 3.1.2)."""

    text: str
    message_ids: tuple[str, ...]
    terms: tuple[str, ...] = ()  # the words lexical search should use, when they differ from text
    asks: float = 1.0  # how probable it is, as far as known, that this asks anything at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Identification:
    """Class probabilities for the newest customer messages, and the class that follows."""

    scope: Scope
    within: float
    out: float
    none: float
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Text with inline markers ``[1]``, ``[2]`` that number ``passages`` from 1.

    A refusal has empty text and no passages. ``confidence`` is the engine's own probability
    (0 to 1) that a human would say the same; ``features`` are what it was computed from.
    """

    text: str
    passages: tuple[Passage, ...]
    confidence: float
    features: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def refused(self) -> bool:
        return not self.passages

    @property
    def sources(self) -> tuple[str, ...]:
        """The first link of each passage it stands on: what its markers lead to."""
        firsts = (next((c.url for c in p.entry.citations if c.url), "") for p in self.passages)
        return tuple(url for url in firsts if url)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """A resolution an analyst gave, ready to become a knowledge entry (Vigil 3.2.1)."""

    question: str
    answer: str
    message_ids: tuple[str, ...]  # analysts' messages only
    citations: tuple[Citation, ...]
    confirmed: bool  # the asker said that it worked
    resolved_at: datetime
    confidence: float = 1.0
    precondition: str = ""  # without which the answer would be wrong
    aside: bool = False  # settled in the same conversation, but not what the question asked
    weak: bool = False  # a stranger could hardly use it: alone it teaches nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What an engine says of an answer nobody accepted, seen from the later dialogue (Vigil 3.2.2).

    ``agreed`` is meant for KEEP: True when a human said the same, False when the topic just ended.
    UPDATE carries the rewritten pair. ``message_ids`` are the messages the verdict rests on.
    """

    verdict: Verdict
    agreed: bool
    message_ids: tuple[str, ...]
    reason: str
    question: str = ""
    answer: str = ""
    precondition: str = ""
    citations: tuple[Citation, ...] = ()
