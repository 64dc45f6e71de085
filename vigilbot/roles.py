"""Who is customer, analyst or peer, and which rule said so.

The rules are tried in the order of ``Roles.of``; the first that knows decides. An unknown person is
never an analyst: in an external or private channel they count as a customer, in a public one as a
peer, who may help but verifies nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from vigilbot.domain import Event, Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """What the operator configured. Ids are plain, or ``TENANT:USER`` for people of another company."""

    analysts: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    analyst_groups: frozenset[str] = frozenset()
    analyst_titles: tuple[str, ...] = ()
    author_is_customer: bool = True
    peers_are_analysts: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    role: Role
    rule: str


def _listed(event: Event, ids: Collection[str]) -> bool:
    return event.user in ids or f"{event.tenant}:{event.user}" in ids


class Roles:
    """Applies a roster to the author of an event."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._titles = tuple(title.casefold() for title in roster.analyst_titles)

    def of(self, event: Event, *, thread_author: str) -> Found:
        """``thread_author`` is who wrote the first message of the event's thread, "" if unknown."""
        roster = self._roster
        if event.is_bot or event.is_self:
            return Found(Role.BOT, "a bot")
        if _listed(event, roster.analysts):
            return Found(Role.ANALYST, "listed under roles.analysts")
        if _listed(event, roster.customers):
            return Found(Role.CUSTOMER, "listed under roles.customers")
        if roster.analyst_groups.intersection(event.user_groups):
            return Found(Role.ANALYST, "member of a group in roles.analyst_groups")
        title = event.user_title.casefold()
        if title and any(known in title for known in self._titles):
            return Found(Role.ANALYST, "profile title in roles.analyst_titles")
        if roster.author_is_customer and event.user == thread_author:
            return Found(Role.CUSTOMER, "author of the thread's first message")
        if event.user_external or event.channel_external or event.channel_private:
            return Found(Role.CUSTOMER, "unknown person in an external or private channel")
        if roster.peers_are_analysts:
            return Found(Role.ANALYST, "roles.peers_are_analysts")
        return Found(Role.PEER, "unknown person in a public channel")

    def is_operator(self, *, tenant: str, user: str) -> bool:
        return user in self._roster.operators or f"{tenant}:{user}" in self._roster.operators
