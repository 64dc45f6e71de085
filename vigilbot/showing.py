"""The card of an answer: what it says, where it comes from and how far it is confirmed (Vigil 3.1.4).

A card shows what the least privileged member of its channel may see. What was learned in another
private or shared channel is "an earlier case" there, without a link and without names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vigilbot.cards import Action, ActionKind, Card
from vigilbot.domain import (
    Citation,
    Decision,
    KnowledgeEntry,
    Outcome,
    PassageKind,
    QuestionState,
    Role,
    SupportKind,
    Trust,
)
from vigilbot.errors import PlatformError
from vigilbot.knowledge.anonymous import NOT_SHOWN, unnamed
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger
from vigilbot.ledger.chats import DELETED
from vigilbot.ledger.rows import names, to_entry, unpack_citations
from vigilbot.ports import Platform, Row
from vigilbot.text import links

TITLE = "VigilBot · automated answer"
EARLIER = "an earlier case"
_CONFIRMING = (
    SupportKind.VERIFIED,
    SupportKind.ACCEPTED_BY_ASKER,
    SupportKind.AGREED,
    SupportKind.REPEATED,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An answer as far as a channel's members may see it. ``citations`` keep their numbers."""

    text: str
    citations: tuple[Citation, ...]


def digest(card: Card) -> str:
    """Equal for cards that look the same."""
    return hashlib.sha256(repr(card).encode()).hexdigest()[:16]


class Showing:
    """``internal_hosts`` are never linked where another company reads along: names, or ``.name`` for all
    below it."""

    def __init__(self, *, ledger: Ledger, platform: Platform, internal_hosts: Sequence[str] = ()) -> None:
        self._ledger = ledger
        self._platform = platform
        self._hosts = internal_hosts

    async def card(self, delivery: Row, answer: Row, oncall: Row) -> Card:
        """The card of a delivery, as the ledger has it now."""
        question = await self._ledger.runs.question(answer["question"])
        channel = await self._ledger.chats.channel(oncall["tenant"], oncall["channel"])
        leaned = leaned_on(answer)
        citations = list(unpack_citations(answer["citations"]))
        text = answer["text"]
        if delivery["text"] is not None:
            text = delivery["text"]
            known = {c.url for c in citations}
            citations += [Citation(url=url, title=url) for url in links(text) if url not in known]
        told = await self.told(text, citations, leaned, channel=channel, own=delivery["text"] is not None)
        everyone = delivery["audience"] == Decision.EVERYONE
        accepted_by, posted_by = await self._who_clicked(delivery, answer, question)
        return Card(
            title=TITLE,
            question=question["text"] if question else "",
            body=told.text,
            citations=told.citations,
            provenance=await self._provenance(list(leaned)),
            actions=await self._for_everyone(answer, question, delivery)
            if everyone
            else _for_analysts(answer),
            accepted_by=accepted_by,
            audience=Decision(delivery["audience"]),
            posted_by=posted_by,
            superseded=await self._since(answer, question, delivery, oncall) if everyone else "",
            asker=question["asker"] if question else "",
        )

    # -- who may see what

    async def told(
        self,
        text: str,
        citations: Sequence[Citation],
        leaned: Mapping[str, int],
        *,
        channel: Row | None,
        guest: bool = False,
        own: bool = False,
    ) -> Told:
        """The parts of an answer that may be shown in a channel.

        ``leaned``: the entries and revisions it rests on. ``guest``: one reader from another company.
        ``own``: an analyst wrote the words for this very channel.
        """
        entries = await self._revisions(leaned)
        open_here = {e.id for e in entries if await self._open(e, channel)}
        owners: dict[str, list[KnowledgeEntry]] = {}
        for entry in entries:
            for url in {c.url for c in entry.citations} or {""}:
                owners.setdefault(url, []).append(entry)
        outside = guest or channel is None or bool(channel["external"])
        secret: list[str] = []
        shown = []
        cases = iter(owners.get("", []))
        for citation in citations:
            if not citation.url:
                shown.append(await self._case(next(cases, None), channel))
                continue
            of = owners.get(citation.url, [])
            hidden = bool(of) and not any(e.id in open_here for e in of)
            if not hidden and not (outside and is_internal(citation.url, self._hosts)):
                shown.append(citation)
                continue
            secret.append(citation.url)
            shown.append(Citation(url="", title=EARLIER))
        if outside:
            secret += [url for url in links(text) if is_internal(url, self._hosts)]
        for url in sorted(set(secret), key=len, reverse=True):
            text = text.replace(url, NOT_SHOWN)
        if len(open_here) < len(entries) and not own:
            text = unnamed(text)
        return Told(text=text, citations=tuple(shown))

    async def _revisions(self, leaned: Mapping[str, int]) -> list[KnowledgeEntry]:
        """The entries as the answer used them, retracted ones too."""
        found = []
        for entry, revision in leaned.items():
            rows = await self._ledger.entries.revisions(entry)
            found += [to_entry(row) for row in rows if row["revision"] == revision]
        return found

    async def _open(self, entry: KnowledgeEntry, channel: Row | None) -> bool:
        """Whether where an entry comes from is no secret in a channel."""
        if not entry.channel or (channel is not None and entry.channel == channel["channel"]):
            return True
        source = await self._source(entry, channel)
        return source is not None and _public(source)

    async def _source(self, entry: KnowledgeEntry, channel: Row | None) -> Row | None:
        return await self._ledger.chats.channel(channel["tenant"], entry.channel) if channel else None

    async def _case(self, entry: KnowledgeEntry | None, channel: Row | None) -> Citation:
        """The earlier case itself, linked where everybody in the channel can open it."""
        if entry is None or channel is None or not entry.message_ids or not entry.channel:
            return Citation(url="", title=EARLIER)
        if entry.channel != channel["channel"]:
            source = await self._source(entry, channel)
            reads = _public(channel) or (bool(channel["direct"]) and not channel["external"])
            if source is None or not _public(source) or not reads:
                return Citation(url="", title=EARLIER)
        return Citation(url=await self._link(channel["tenant"], entry.message_ids[0]), title=EARLIER)

    async def _link(self, tenant: str, message: str) -> str:
        """A message's address on the platform; "" where it has none or cannot be asked for."""
        row = await self._ledger.chats.message(message)
        if row is None or row["deleted"] == DELETED or row["tenant"] != tenant:
            return ""
        try:
            return await self._platform.link(tenant=tenant, channel=row["channel"], ts=row["ts"])
        except PlatformError:
            return ""

    # -- what became of it

    async def _provenance(self, entry_ids: list[str]) -> str:
        """When it was learned and how it is confirmed, for the entry the answer leans on first."""
        entries = await self._ledger.entries.current(entry_ids)
        if not entries:
            return "its source is no longer in force"
        entry = entries[next(i for i in entry_ids if i in entries)]
        rows = await self._ledger.entries.supports([entry.id])
        confirmed = len({row["oncall"] for row in rows if row["kind"] in _CONFIRMING})
        times = f", confirmed in {confirmed} on-call{'s' if confirmed > 1 else ''}" if confirmed else ""
        if entry.kind is PassageKind.CHUNK:
            return f"from a document, as of {entry.valid_from:%Y-%m-%d}{times}"
        how = await self._confirmation(entry)
        source = "learned from an earlier case" if entry.learned_from else "from the knowledge base"
        return f"{source}, {entry.valid_from:%Y-%m-%d}; {how}{times}"

    async def _for_everyone(self, answer: Row, question: Row | None, delivery: Row) -> tuple[Action, ...]:
        """An analyst may still verify what the asker accepted, and the asker accept what an analyst posted.

        What only one channel may be told can be shared from its card.
        """
        settled = question is not None and question["state"] == QuestionState.RESOLVED
        current = (await self._ledger.entries.current(list(leaned_on(answer)))).values()
        confined = any(e.kind is PassageKind.QA and e.space.startswith("channel:") for e in current)
        found = []
        if not (answer["outcome"] == Outcome.VERIFIED and settled):
            fresh = not delivery["accepted_by"]
            found.append(Action(kind=ActionKind.ACCEPT, label="Accept", value=answer["id"], primary=fresh))
        found.append(Action(kind=ActionKind.WHY, label="Why this?", value=answer["id"]))
        if confined:
            found.append(
                Action(kind=ActionKind.SHARE, label="Share with other customers", value=answer["id"])
            )
        found.append(Action(kind=ActionKind.WITHDRAW, label="Withdraw", value=answer["id"]))
        if delivery["accepted_by"]:
            found.append(Action(kind=ActionKind.TAKE_BACK, label="Take back the Accept", value=answer["id"]))
        return tuple(found)

    async def _confirmation(self, entry: KnowledgeEntry) -> str:
        if entry.trust is Trust.VERIFIED:
            return "verified by an analyst"
        if entry.trust is Trust.CONFIRMED:
            customers = await self._ledger.trust.customers(entry.id)
            several = len(customers) or await self._ledger.trust.told_by(entry.id)
            return f"confirmed by {several} customers"
        if entry.expires_at is not None:
            return f"not yet verified, a workaround for now, until {entry.expires_at:%Y-%m-%d %H:%M} UTC"
        return "not yet verified"

    async def _who_clicked(self, delivery: Row, answer: Row, question: Row | None) -> tuple[str, str]:
        """Who accepted, between commas, and who posted it, by the names the platform had for them."""
        known = {
            row["actor"]: row["actor_name"]
            for row in await self._ledger.runs.feedback(answer["id"])
            if row["actor_name"]
        }
        asker = question["asker"] if question else ""
        accepted = [
            known.get(user) or ("the asker" if user == asker else "an analyst")
            for user in delivery["accepted_by"].split(",")
            if user
        ]
        by = delivery["posted_by"]
        return ", ".join(accepted), (known.get(by) or "an analyst") if by else ""

    async def _since(self, answer: Row, question: Row | None, delivery: Row, oncall: Row) -> str:
        """What has happened since that a reader of the card should know."""
        parts = []
        if answer["outcome"] == Outcome.CONTRADICTED and delivery["text"] is None:
            parts.append(await self._otherwise(answer, question, oncall))
        if corrected := await self._corrected(answer):
            parts.append(corrected)
        if question is not None and (changed := await self._question_changed(question)):
            parts.append(changed)
        return " ".join(parts)

    async def _corrected(self, answer: Row) -> str:
        """What became of what the card rests on, once an operator has decided that it is to be said."""
        changed = ""
        for row in await self._ledger.corrections.of_answer(answer["id"]):
            life = await self._ledger.entries.revisions(row["entry"])
            if life[-1]["retracted"]:
                return "What this rested on was taken back since: please do not rely on it."
            if life[-1]["answer"] != life[row["used"] - 1]["answer"]:
                changed = "What this rested on has changed since: see the correction."
        return changed

    async def _otherwise(self, answer: Row, question: Row | None, oncall: Row) -> str:
        review = await self._ledger.runs.last_review(answer["id"])
        ids = names(review["message_ids"]) if review and review["verdict"] != "keep" else ()
        if not ids and question is not None:
            ids = names(question["resolution_ids"])
        said = await self._ledger.chats.messages_by_id(ids)
        who = "Somebody" if said and said[-1].role is not Role.ANALYST else "An analyst"
        link = await self._link(oncall["tenant"], said[-1].id) if said else ""
        return (
            f"{who} has said otherwise since: [read it]({link})"
            if link
            else f"{who} has said otherwise since."
        )

    async def _question_changed(self, question: Row) -> str:
        run = await self._ledger.runs.run(question["run"])
        read: Mapping[str, int] = json.loads(run["trace"]).get("versions", {}) if run else {}
        rows = await self._ledger.fetch(
            "SELECT id, version, deleted FROM messages WHERE id IN (SELECT value FROM json_each(:ids))",
            ids=question["message_ids"],
        )
        if rows and all(row["deleted"] == DELETED for row in rows):
            return "The question was deleted since."
        changed = any(row["version"] > read.get(row["id"], 1) for row in rows)
        return "The question was edited since." if changed else ""


def is_internal(url: str, hosts: Sequence[str]) -> bool:
    """Whether a URL leads to one of these hosts; what is no URL counts as one that does."""
    try:
        host = (urlsplit(url).hostname or "").casefold().rstrip(".")
    except ValueError:
        return True
    known = (name.casefold() for name in hosts)
    return any(host.endswith(name) if name[:1] == "." else host == name for name in known)


def _public(channel: Row) -> bool:
    """Every member of the company may read it, and nobody else does."""
    return not (channel["private"] or channel["external"] or channel["direct"])


def _for_analysts(answer: Row) -> tuple[Action, ...]:
    return (
        Action(kind=ActionKind.POST, label="Post", value=answer["id"], primary=True),
        Action(kind=ActionKind.EDIT, label="Edit and post", value=answer["id"]),
        Action(kind=ActionKind.DISMISS, label="Dismiss", value=answer["id"]),
        Action(kind=ActionKind.WHY, label="Why this?", value=answer["id"]),
    )
