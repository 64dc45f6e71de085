"""Who is customer, analyst or peer, who may command the bot, and which rule said so.

The rules are tried in the order of ``Roles.of``; the first that knows decides: what an operator said
(the roster in the ledger), then the settings. An unknown person is never an analyst: in an external or
private channel they count as a customer, in a public one as a peer, who may help but verifies nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from vigilbot.domain import Event, Role
from vigilbot.ports import Row


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


class RosterRole(StrEnum):
    """What an operator can say that somebody is."""

    ANALYST = "analyst"
    CUSTOMER = "customer"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One line of the roster. ``by`` is the name of the operator who said so, or their id."""

    tenant: str
    user: str
    role: RosterRole
    by: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    role: Role
    rule: str


def _configured(event: Event, ids: Collection[str]) -> bool:
    return event.user in ids or f"{event.tenant}:{event.user}" in ids


class Roles:
    """Applies settings and roster to the author of an event.

    It holds the roster in memory: whoever changes the ledger's tells it, and the change takes effect at once.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._titles = tuple(title.casefold() for title in roster.analyst_titles)
        self._listed: dict[tuple[str, str, RosterRole], Listed] = {}

    # -- the roster in the ledger

    def load(self, rows: Iterable[Row]) -> None:
        """Rows of the ledger's roster take the place of everything known so far."""
        self._listed = {}
        for row in rows:
            self.enlist(
                Listed(
                    tenant=row["tenant"],
                    user=row["user"],
                    role=RosterRole(row["role"]),
                    by=row["actor_name"] or row["actor"],
                    name=row["name"],
                )
            )

    def enlist(self, line: Listed) -> None:
        self._listed[line.tenant, line.user, line.role] = line

    def strike(self, tenant: str, user: str, role: RosterRole) -> None:
        self._listed.pop((tenant, user, role), None)

    def listed(self, tenant: str, role: RosterRole | None = None) -> tuple[Listed, ...]:
        """What operators of a tenant said, in the order they said it."""
        return tuple(
            line for line in self._listed.values() if line.tenant == tenant and role in (None, line.role)
        )

    # -- who is who

    def of(self, event: Event, *, thread_author: str) -> Found:
        """``thread_author`` is who wrote the first message of the event's thread, "" if unknown."""
        roster = self._roster
        if event.is_bot or event.is_self:
            return Found(Role.BOT, "a bot")
        said = self._said(event)
        if said is not None:
            return said
        if _configured(event, roster.analysts):
            return Found(Role.ANALYST, "listed under roles.analysts")
        if _configured(event, roster.customers):
            return Found(Role.CUSTOMER, "listed under roles.customers")
        if roster.analyst_groups.intersection(event.user_groups):
            return Found(Role.ANALYST, "member of a group in roles.analyst_groups")
        title = "" if event.user_external else event.user_title.casefold()  # a stranger writes their own
        if title and any(known in title for known in self._titles):
            return Found(Role.ANALYST, "profile title in roles.analyst_titles")
        if roster.author_is_customer and event.user == thread_author:
            return Found(Role.CUSTOMER, "author of the thread's first message")
        if event.user_external or event.channel_external or event.channel_private:
            return Found(Role.CUSTOMER, "unknown person in an external or private channel")
        if roster.peers_are_analysts:
            return Found(Role.ANALYST, "roles.peers_are_analysts")
        return Found(Role.PEER, "unknown person in a public channel")

    def _said(self, event: Event) -> Found | None:
        for said, role in ((RosterRole.ANALYST, Role.ANALYST), (RosterRole.CUSTOMER, Role.CUSTOMER)):
            line = self._listed.get((event.tenant, event.user, said))
            if line is not None:
                return Found(role, f"listed by @{line.by}")
        return None

    def is_analyst(self, event: Event) -> bool:
        """Whether somebody counts as an analyst wherever they did not ask themselves."""
        return self.of(event, thread_author="").role is Role.ANALYST

    def is_operator(self, event: Event) -> bool:
        """Settings, roster; while a tenant has no operator, the owners and admins of the workspace."""
        if event.is_bot or event.is_self:
            return False
        if _configured(event, self._roster.operators):
            return True
        if (event.tenant, event.user, RosterRole.OPERATOR) in self._listed:
            return True
        return event.user_admin and not event.user_external and not self.has_operators(event.tenant)

    def has_operators(self, tenant: str) -> bool:
        known = self._roster.operators
        configured = any(":" not in one or one.startswith(f"{tenant}:") for one in known)
        return configured or bool(self.listed(tenant, RosterRole.OPERATOR))

    def rules(self, tenant: str) -> tuple[str, ...]:
        """Who counts as an analyst, a rule a line; empty when nobody can."""
        roster = self._roster
        found = []
        if said := len(self.listed(tenant, RosterRole.ANALYST)):
            found.append(f"{_people(said)} an operator listed")
        if roster.analysts:
            found.append(f"{_people(len(roster.analysts))} listed in the settings")
        if roster.analyst_groups:
            found.append(f"members of {', '.join(sorted(roster.analyst_groups))}")
        if roster.analyst_titles:
            titles = ", ".join(f"“{title}”" for title in roster.analyst_titles)
            found.append(f"colleagues whose profile title says {titles}")
        if roster.peers_are_analysts:
            found.append("everybody else of this company")
        return tuple(found)

    def names_analysts(self, tenant: str) -> bool:
        """Whether anybody is an analyst by name or by group, not only by a title they may lack."""
        roster = self._roster
        by_name = bool(roster.analysts or roster.analyst_groups or roster.peers_are_analysts)
        return by_name or bool(self.listed(tenant, RosterRole.ANALYST))


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"
