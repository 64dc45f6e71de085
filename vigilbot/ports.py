"""The edges of the core. Each protocol's docstring is its whole contract.

A contract test class per port runs on every implementation (tests/contract).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from vigilbot.cards import Card, Form, Notice, Panel
from vigilbot.domain import (
    Answer,
    ChannelHistory,
    Dialogue,
    Event,
    Extraction,
    Identification,
    Image,
    Message,
    Passage,
    Question,
    Review,
)

Vector = NDArray[np.float32]
Row = Mapping[str, Any]
Shape = TypeVar("Shape", bound=BaseModel)


class Clock(Protocol):
    """Where every time comes from. Never goes backwards."""

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement with named parameters (``:name``)."""

    sql: str
    args: Mapping[str, Any]


class Database(Protocol):
    """A transactional SQL store.

    ``fetch`` reads committed rows. ``write`` runs its statements as one atomic batch behind one
    lock: all or none; it returns the rows of every statement, in order (empty without RETURNING).
    Nothing is held open across calls. ``scrub`` leaves no byte of what was deleted or overwritten in the
    store's files; ``anew`` takes as long as copying them and reaches older copies. All raise LedgerError.
    """

    async def fetch(self, sql: str, **args: Any) -> list[Row]: ...

    async def write(self, *statements: Statement) -> list[list[Row]]: ...

    async def scrub(self, *, anew: bool = True) -> None: ...

    async def close(self) -> None: ...


class Embedder(Protocol):
    """Texts to unit vectors, one row a text, in order. Equal texts give equal vectors.

    ``model`` names the vector space: vectors of different models are never compared. An empty
    text has a vector too. Long texts are cut by the model, never refused.
    """

    @property
    def model(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> Vector: ...


@dataclass(frozen=True, slots=True)
class Hit:
    """A vector's key and its cosine similarity to the query."""

    key: str
    score: float


class VectorIndex(Protocol):
    """Nearest vectors by cosine similarity, best first, ties by key.

    ``space`` filters before the search: only vectors put with one of ``spaces`` are seen. ``put``
    with a known key replaces; ``drop`` of an unknown key does nothing. Raises IndexFailed.
    """

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None: ...

    async def drop(self, keys: Sequence[str]) -> None: ...

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]: ...

    async def count(self) -> int: ...

    async def close(self) -> None: ...


class Reranker(Protocol):
    """Orders passages for a question, best first; returns the same passages with new scores.

    ``history`` says what resolved the asking channel's on-calls before; None when nobody knows. The
    citations of a passage may come back in another order, the best supported first.
    """

    async def rerank(
        self, question: Question, passages: Sequence[Passage], *, history: ChannelHistory | None = None
    ) -> tuple[Passage, ...]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What one judgement asks a language model.

    ``instructions`` are the operator's, ``data`` what people wrote, delimited. ``images`` follow the
    data; a model that cannot see gets their number in words instead.
    """

    stage: str
    instructions: str
    data: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelState:
    """How one model is doing. ``state``: closed (in use), open (left alone), trying (about to be tried)."""

    model: str
    state: str
    until: datetime | None  # when it is tried again
    last_error: str  # "" while it works


class LanguageModel(Protocol):
    """Validated objects out of text.

    ``complete`` returns an object of ``shape`` or raises: ContextTooLong when less text may help,
    else ModelUnavailable, its message a line for the operator. It always ends within a bounded
    time. Every call, failed ones too, is noted in ``usage.meter()``. ``version`` names the models.
    """

    @property
    def version(self) -> str: ...

    async def complete(self, ask: Ask, shape: type[Shape]) -> Shape: ...

    def state(self) -> tuple[ModelState, ...]: ...


class Engine(Protocol):
    """The five judgements the bot needs, whatever makes them (Vigil 3.1 and 3.2).

    ``dialogue`` holds the on-call up to now; ``newest`` are the customer messages not yet judged,
    in order. Texts of people are data, never instructions. Raises EngineError when there is no
    judgement; it never returns a made-up one. ``post_threshold`` is the confidence from which its
    answers are worth a card for everyone: each engine has its own scale. ``extract`` returns what
    was resolved: at most one that is not ``aside``, and that one first.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def post_threshold(self) -> float: ...

    async def identify(
        self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str
    ) -> Identification: ...

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]: ...

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer: ...

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review: ...

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What stands behind an address. ``content`` is None when it has not changed since it was last fetched.

    ``url`` is where the redirects ended; ``media_type`` what the content really is, one of HTML,
    MARKDOWN, PLAIN, PDF and XML (``vigilbot.providers.kinds``); ``charset`` what the server says, or "".
    """

    url: str
    content: bytes | None
    media_type: str = ""
    charset: str = ""
    etag: str = ""
    last_modified: str = ""


class Fetcher(Protocol):
    """Documents on the web. Never speaks to a private address, whatever the URL and its redirects say.

    Raises DocumentRefused, DocumentGone, and DocumentError when a later try may help; the message
    is a reason an operator understands. It always ends within a bounded time.
    """

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The text under one heading. ``path`` holds the headings above it, outermost first."""

    path: tuple[str, ...]
    text: str  # Markdown without links
    anchor: str = ""  # what follows # in the document's address to lead there


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The main content of a document. ``clipped``: it went on."""

    title: str
    sections: tuple[Section, ...]
    clipped: bool = False


class Reader(Protocol):
    """Makes a document's bytes readable. Raises DocumentRefused with the reason; ends in bounded time."""

    async def read(self, content: bytes, *, media_type: str, charset: str, url: str) -> Page: ...


class Platform(Protocol):
    """A chat platform, as far as the core speaks to it.

    ``post`` and ``notify`` return the platform's id of the message. ``key`` is the idempotency key:
    a second call with the same key must not show a second message, not even after a restart. ``since``
    is when the key was made: a process that started before need not look for an earlier try. A card for
    analysts is shown to ``readers`` alone, a notice with a ``reader`` to that person alone; both may be
    lost when they are away. ``thread`` is "" for the channel itself. ``remove`` of a message that is
    gone does nothing. ``link`` leads to a message, "" where there are no such links. Raises PlatformError,
    and PlatformRefused when no later try can help (not in the channel, archived, thread deleted).
    """

    async def post(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        card: Card,
        key: str,
        readers: Sequence[str] = (),
        since: datetime | None = None,
    ) -> str: ...

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None: ...

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None: ...

    async def notify(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        notice: Notice,
        key: str,
        reader: str = "",
        since: datetime | None = None,
    ) -> str: ...

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None: ...

    async def link(self, *, tenant: str, channel: str, ts: str) -> str: ...


class Directory(Protocol):
    """Who and where, as the platform knows it.

    ``completed`` fills in names, titles, groups and the flags of person and channel, and turns the
    text's markup into plain text, where the event says that this is still to be done. It asks the
    platform for what it does not remember. Raises PlatformError when it cannot be asked; with
    ``settle`` it then assumes the least: a person of another company in an external, private channel.
    """

    async def completed(self, event: Event, *, settle: bool = False) -> Event: ...


class InteractionKind(StrEnum):
    CLICK = "click"
    SUBMIT = "submit"  # a form
    COMMAND = "command"  # a slash command
    SHORTCUT = "shortcut"  # on a message
    HOME = "home"  # somebody opened the bot's own page


@dataclass(frozen=True, kw_only=True, slots=True)
class Interaction:
    """What somebody did to the bot that wants a reply at once.

    ``event`` says who and where: its ts is the message clicked on or chosen, "" without one; its
    thread that message's thread. ``name`` is an ActionKind's value, a form's name, or a shortcut's.
    """

    kind: InteractionKind
    event: Event
    name: str
    value: str = ""  # the action's or the form's
    text: str = ""  # a command's words; the chosen message's plain text
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What the person sees, and nobody else unless it says so.

    At most one of ``panel`` and ``form`` opens in a window. ``errors`` name fields of the form that
    was sent and keep it open. ``card`` takes the place of the card clicked on, for everybody.
    ``notice`` takes the place of the notice clicked on. ``done``: the private prompt that was
    clicked on goes away.
    """

    text: str = ""  # Markdown
    panel: Panel | None = None
    form: Form | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    card: Card | None = None
    notice: Notice | None = None
    done: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Watermark:
    """Up to where a channel, or one thread of it, was read. ``thread`` is "" for the channel itself."""

    tenant: str
    channel: str
    thread: str
    after: str  # the platform's id of the last message known; "" for none


class Inbound(Protocol):
    """What a transport hands to the bot.

    ``receive`` is durable before it returns, False for a duplicate: acknowledge after it. ``act``
    answers within two seconds, and what it did is durable by then; it always answers, a failure
    with a reference id in the text. ``gaps`` lists what to read after a silence, open on-calls'
    threads first; ``filled`` says that everything up to now was read there.
    """

    async def receive(self, event: Event) -> bool: ...

    async def act(self, interaction: Interaction) -> Response: ...

    async def gaps(self) -> Sequence[Watermark]: ...

    async def filled(self, gap: Watermark) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TransportState:
    """How the connection to a platform is doing. ``problems`` are lines for an operator."""

    platform: str
    connected: bool
    sockets: int
    last_event_at: datetime | None
    limited: int  # times the platform said "slow down"
    problems: tuple[str, ...] = ()


class Transport(Protocol):
    """Events of one platform, from the connection to the inbox.

    ``connect`` raises BadInput for credentials that cannot work, before anything is received.
    ``backfill`` reads what happened while nobody listened and returns how many events were new.
    ``disconnect`` takes nothing in any more when it returns.
    """

    async def connect(self, inbound: Inbound) -> None: ...

    async def backfill(self) -> int: ...

    async def disconnect(self) -> None: ...

    def state(self) -> TransportState: ...
