"""The roster: operators say who is an analyst, a customer or an operator, and it holds at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from vigilbot.admin import audit
from vigilbot.cards import Field, FieldKind, Form
from vigilbot.domain import Event
from vigilbot.errors import BadInput, PlatformError
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.wording import counted
from vigilbot.ledger import Channels, Ledger
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Clock, Directory, Interaction, Response, Statement
from vigilbot.roles import Listed, Roles, RosterRole

FORM = "roster"
LOOK_UP = 1.0  # seconds for asking the platform who somebody is
ONLY_OPERATORS = "Only an operator can say who is who"
OPPOSITE = {RosterRole.ANALYST: RosterRole.CUSTOMER, RosterRole.CUSTOMER: RosterRole.ANALYST}
_ASKED = {"operators": RosterRole.OPERATOR, "analysts": RosterRole.ANALYST}


class People:
    """Changes of the roster: first in the ledger, then in ``roles``."""

    def __init__(self, *, ledger: Ledger, roles: Roles, directory: Directory, clock: Clock) -> None:
        self._ledger = ledger
        self._roles = roles
        self._directory = directory
        self._clock = clock

    async def add(self, event: Event, users: Sequence[str], role: RosterRole) -> tuple[Listed, ...]:
        """Durable and in force when it returns. Raises BadInput for who cannot be that."""
        lines = await asyncio.gather(*(self._line(event, user, role) for user in users))
        now = self._clock.now()
        statements: list[Statement] = []
        for line in lines:
            statements += self._enlisting(event, line, now)
        if statements:
            await self._ledger.write(*statements, *await self._notices(event.tenant, now))
        for line in lines:
            self._roles.enlist(line)
            if other := OPPOSITE.get(role):
                self._roles.strike(line.tenant, line.user, other)
        return tuple(lines)

    async def remove(self, event: Event, users: Sequence[str], role: RosterRole) -> None:
        """Durable and in force when it returns; who is not listed stays so."""
        now = self._clock.now()
        statements: list[Statement] = []
        for user in users:
            statements.append(Channels.strike(event.tenant, user, role.value))
            statements.append(_audited(event, now, "roster remove", user, role))
        if statements:
            await self._ledger.write(*statements, *await self._notices(event.tenant, now))
        for user in users:
            self._roles.strike(event.tenant, user, role)

    def _enlisting(self, event: Event, line: Listed, now: datetime) -> list[Statement]:
        found = [
            Channels.enlist(
                tenant=line.tenant,
                user=line.user,
                role=line.role.value,
                name=line.name,
                actor=event.user,
                actor_name=event.user_name,
                at=stamp(now),
            ),
            _audited(event, now, "roster add", line.user, line.role),
        ]
        if other := OPPOSITE.get(line.role):
            found.append(Channels.strike(line.tenant, line.user, other.value))
        return found

    async def _notices(self, tenant: str, now: datetime) -> list[Statement]:
        """Every greeting names the rules, and they have changed."""
        rows = await self._ledger.channels.of(tenant)
        return [Channels.outdate_greeting(tenant, row["channel"], at=now) for row in rows]

    async def _line(self, event: Event, user: str, role: RosterRole) -> Listed:
        known = await self._looked_up(event, user)
        place = (known.user_name if known else "") or user
        if known is not None and known.is_bot:
            raise BadInput("is a bot", place=place, remedy="Only people can be listed")
        if role is RosterRole.OPERATOR:
            if known is None:
                raise BadInput("could not be looked up", place=place, remedy="Please try again")
            if known.user_external:
                raise BadInput(
                    "is a guest or of another company, and cannot command me",
                    place=place,
                    remedy="Name a full member of this workspace",
                )
        return Listed(
            tenant=event.tenant,
            user=user,
            role=role,
            by=event.user_name or event.user,
            name=known.user_name if known else "",
        )

    async def _looked_up(self, event: Event, user: str) -> Event | None:
        """The person as the platform knows them; None when it cannot be asked."""
        asked = replace(
            event,
            user=user,
            completed=False,
            text="",
            is_bot=False,
            user_name="",
            user_title="",
            user_external=False,
            user_groups=(),
            user_admin=False,
        )
        try:
            async with asyncio.timeout(LOOK_UP):
                return await self._directory.completed(asked)
        except (PlatformError, TimeoutError):
            return None

    # -- the form

    async def roster(self, interaction: Interaction) -> Response:
        """A click on "Set analysts and operators": the form, as the roster is now."""
        event = interaction.event
        if not self._roles.is_operator(event):
            return Refusal(text=f"{ONLY_OPERATORS}.")
        return Response(form=self._form(event))

    def _form(self, event: Event) -> Form:
        def people(name: str, label: str, hint: str) -> Field:
            listed = tuple(line.user for line in self._roles.listed(event.tenant, _ASKED[name]))
            return Field(
                name=name, label=label, kind=FieldKind.PEOPLE, initial=listed, optional=True, hint=hint
            )

        first = "" if self._roles.has_operators(event.tenant) else " Until then owners and admins may."
        return Form(
            title="Who is who",
            name=FORM,
            value=event.channel,
            fields=(
                people("operators", "Operators", f"They alone may command me.{first}"),
                people("analysts", "Analysts", "They answer customers, and post or verify my answers."),
            ),
            note="What is set here comes before the rules of the settings, and holds at once.",
        )

    async def submit(self, interaction: Interaction) -> Response:
        """The form comes back; whoever is no longer in a field is no longer listed."""
        event = interaction.event
        if not self._roles.is_operator(event):
            return Refusal(text=f"{ONLY_OPERATORS}.")
        wanted = {name: _users(interaction.fields.get(name, ())) for name in _ASKED}
        errors: dict[str, str] = {}
        for name, role in _ASKED.items():
            listed = {line.user for line in self._roles.listed(event.tenant, role)}
            try:
                await self.add(event, [user for user in wanted[name] if user not in listed], role)
            except BadInput as error:
                errors[name] = str(error)
                continue
            await self.remove(event, sorted(listed - set(wanted[name])), role)
        if errors:
            return Response(errors=errors)
        operators, analysts = (counted(len(wanted[name]), name[:-1]) for name in _ASKED)
        return Response(text=f"Recorded: {operators}, {analysts}.")


def _users(value: str | tuple[str, ...]) -> tuple[str, ...]:
    users = value.split() if isinstance(value, str) else value
    return tuple(dict.fromkeys(users))


def _audited(event: Event, now: datetime, action: str, user: str, role: RosterRole) -> Statement:
    return audit(
        tenant=event.tenant, at=now, actor=event.user, action=action, subject=user, detail=role.value
    )
