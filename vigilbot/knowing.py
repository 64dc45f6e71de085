"""Composes the knowledge base: how far what is learned is trusted, and which spaces may be told what."""

from __future__ import annotations

from datetime import timedelta

from vigilbot.domain import Event
from vigilbot.engine import theta_of
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.common import Common
from vigilbot.knowledge.spaces import PUBLIC, SHARED, Spaces
from vigilbot.knowledge.trust import TrustRules
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock, Embedder, Row, VectorIndex
from vigilbot.settings import Settings


def trust_of(settings: Settings) -> TrustRules:
    known = settings.trust
    return TrustRules(
        customers=known.customers,
        fresh=timedelta(seconds=known.incident),
        expires=timedelta(seconds=known.expires),
    )


async def knowledge_of(
    settings: Settings, *, ledger: Ledger, embedder: Embedder, index: VectorIndex, clock: Clock
) -> Knowledge:
    """Everything the ledger knows, with its index filled."""
    knowledge = Knowledge(
        ledger=ledger,
        embedder=embedder,
        index=index,
        clock=clock,
        theta=theta_of(settings, embedder),
        rules=trust_of(settings),
    )
    await knowledge.load()
    return knowledge


def common_of(settings: Settings, ledger: Ledger, knowledge: Knowledge, clock: Clock) -> Common | None:
    """What shares by itself, where the operator allows it."""
    if not settings.trust.automatic:
        return None
    return Common(
        ledger=ledger,
        knowledge=knowledge,
        spaces=Spaces(ledger=ledger, knowledge=knowledge, clock=clock),
        clock=clock,
        customers=settings.trust.customers,
    )


def space_of(event: Event, *, everywhere: str) -> str:
    """The knowledge space of an event's channel (reliability, promise 7)."""
    if everywhere:
        return everywhere
    if event.channel_external or event.channel_private:
        return f"channel:{event.channel}"
    return PUBLIC


def spaces_of(channel: Row) -> tuple[str, ...]:
    """The spaces whose knowledge may answer in a channel.

    An external channel sees its own and what was promoted; an internal private one sees the
    internal public space too; nobody sees another's private space.
    """
    own = str(channel["space"])
    if channel["private"] and not channel["external"]:
        return tuple(dict.fromkeys((own, PUBLIC, SHARED)))
    return tuple(dict.fromkeys((own, SHARED)))
