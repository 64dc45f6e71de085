"""Commands about channels: watch, unwatch, pause, resume, mode, scope; and about people: roster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from vigilbot.admin import audit
from vigilbot.domain import Mode
from vigilbot.errors import BadInput
from vigilbot.interactions.arguments import names_channel, span_of, user_of
from vigilbot.interactions.commands import Asked, Places, Subcommand
from vigilbot.interactions.modes import MEANING, Modes
from vigilbot.interactions.people import People
from vigilbot.interactions.wording import day_and_time, literal
from vigilbot.ledger import Channels, Ledger
from vigilbot.ledger.channels import WATCHED
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Clock, Row
from vigilbot.roles import Roles, RosterRole

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""A pause without an end ends with `resume`."""
ROSTER = "roster [list | add @user ROLE | remove @user [ROLE]]"
_ROLES = "ROLE is analyst, customer or operator"
LONGEST_SCOPE = 2000


class ChannelCommands:
    """How far the bot may go, and where."""

    def __init__(self, *, ledger: Ledger, clock: Clock, places: Places, modes: Modes) -> None:
        self._ledger = ledger
        self._clock = clock
        self._places = places
        self._modes = modes

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="watch",
                usage="watch [#channel]",
                help="Reads a channel again that was unwatched. Invite me first where I am not a member.",
                run=self._watch,
            ),
            Subcommand(
                name="unwatch",
                usage="unwatch [#channel]",
                help="Reads nothing more in a channel, and answers nothing there. I stay a member.",
                run=self._unwatch,
                ask=self._ask_unwatch,
            ),
            Subcommand(
                name="pause",
                usage="pause [2h] [#channel|all]",
                help="Posts no cards for a while (30m, 2h, 3d), or until `resume`. I go on listening.",
                run=self._pause,
            ),
            Subcommand(
                name="resume",
                usage="resume [#channel|all]",
                help="Ends a pause.",
                run=self._resume,
            ),
            Subcommand(
                name="mode",
                usage="mode [listen|analysts|everyone] [#channel]",
                help="Says or chooses how far I go in a channel. listen: I post nothing; analysts: they see "
                "drafts; everyone: cards.",
                run=self._mode,
                ask=self._ask_mode,
            ),
            Subcommand(
                name="scope",
                usage="scope [what I answer here | clear]",
                help="Says or sets what I answer in this channel, in your words. Without one the settings' "
                "holds.",
                run=self._scope,
            ),
        )

    async def _watch(self, asked: Asked) -> str:
        row, words = await self._places.split(asked)
        _none_left(words)
        if not row["member"]:
            raise BadInput(f"I am not a member of {_name(row)}", remedy="Invite me there first")
        await self._change(asked, row, WATCHED, "", watched=1, gap_from=None)
        return f"I read {_name(row)} again."

    async def _ask_unwatch(self, asked: Asked) -> str:
        row, words = await self._places.split(asked)
        _none_left(words)
        return (
            f"**Stop reading {_name(row)}?** What was said there in the meantime will never be read. "
            "What I learned there stays."
        )

    async def _unwatch(self, asked: Asked) -> str:
        row, words = await self._places.split(asked)
        _none_left(words)
        await self._change(asked, row, "unwatch", "", watched=0)
        return f"I read nothing more in {_name(row)}; `watch` takes it back."

    async def _pause(self, asked: Asked) -> str:
        rows, words = await self._meant(asked)
        span = span_of(words[0]) if words else None
        if words and (span is None or len(words) > 1):
            raise BadInput("is not a span of time", place=" ".join(words), remedy="Write 30m, 2h or 3d")
        until = self._clock.now() + span if span else FOREVER
        for row in rows:
            await self._change(asked, row, "pause", stamp(until), paused_until=stamp(until))
        end = f"until {day_and_time(until)}" if span else "until you type `resume`"
        return f"No cards in {_names(rows)} {end}. I go on listening."

    async def _resume(self, asked: Asked) -> str:
        rows, words = await self._meant(asked)
        _none_left(words)
        for row in rows:
            await self._change(asked, row, "resume", "", paused_until=None)
        return f"Cards again in {_names(rows)}."

    async def _meant(self, asked: Asked) -> tuple[list[Row], tuple[str, ...]]:
        """One channel, or all the bot is in."""
        if asked.words and asked.words[-1].casefold() == "all":
            rows = [row for row in await self._ledger.channels.of(asked.event.tenant) if row["member"]]
            if not rows:
                raise BadInput("I am in no channel yet", remedy="Invite me to one")
            return rows, asked.words[:-1]
        row, words = await self._places.split(asked)
        return [row], words

    async def _ask_mode(self, asked: Asked) -> str:
        """Only before people of another company read what I say."""
        row, words = await self._places.split(asked)
        if not row["external"] or [word.casefold() for word in words] != [Mode.EVERYONE.value]:
            return ""
        if self._modes.of(row) is Mode.EVERYONE:
            return ""
        return (
            f"**Post cards for everybody in {_name(row)}?** The channel is shared with another company: its "
            "people will read my answers without an analyst looking at them first."
        )

    async def _mode(self, asked: Asked) -> str:
        row, words = await self._places.split(asked)
        if not words:
            mode = self._modes.of(row)
            return f"{_name(row)} is in mode {mode.value}: {MEANING[mode]}"
        wanted = words[0].casefold()
        if wanted not in set(Mode) or len(words) > 1:
            raise BadInput("is no mode", place=" ".join(words), remedy="Write listen, analysts or everyone")
        await self._modes.choose(asked.event, row, Mode(wanted))
        return f"{_name(row)} is in mode {wanted} now: {MEANING[Mode(wanted)]}"

    async def _scope(self, asked: Asked) -> str:
        row = await self._places.of(asked)
        if not asked.words:
            said = row["scope"]
            if not said:
                return "The settings' scope holds here."
            return f"In {_name(row)} I answer: {literal(said, 1000)}"
        if asked.rest.casefold() == "clear":
            await self._change(asked, row, "scope", "", scope=None)
            return f"The settings' scope holds in {_name(row)} again."
        if len(asked.rest) > LONGEST_SCOPE:
            raise BadInput("That is too long", remedy=f"Use at most {LONGEST_SCOPE} characters")
        await self._change(asked, row, "scope", asked.rest, scope=asked.rest)
        return f"From now on I answer in {_name(row)}: {literal(asked.rest, 1000)}"

    async def _change(self, asked: Asked, row: Row, action: str, detail: str, **values: object) -> None:
        tenant, channel = row["tenant"], row["channel"]
        await self._ledger.write(
            Channels.change(tenant, channel, **values),
            audit(
                tenant=tenant,
                at=self._clock.now(),
                actor=asked.event.user,
                action=action,
                subject=channel,
                detail=detail[:500],
            ),
        )


class RosterCommands:
    """Who is who, by an operator's word."""

    def __init__(self, *, roles: Roles, people: People) -> None:
        self._roles = roles
        self._people = people

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="roster",
                usage=ROSTER,
                help="Says who is analyst, customer or operator, and changes it. It comes before the "
                "settings and holds at once; ROLE is analyst, customer or operator.",
                run=self._roster,
            ),
        )

    async def _roster(self, asked: Asked) -> str:
        verb, *words = [*asked.words, "list"] if not asked.words else asked.words
        if verb.casefold() == "list" and not words:
            return self._list(asked)
        if verb.casefold() not in ("add", "remove") or not 1 <= len(words) <= 2 or names_channel(words[0]):
            raise BadInput("I cannot make that out", remedy=f"Write `{ROSTER}`; {_ROLES}")
        user = user_of(words[0])
        role = _role(words[1]) if len(words) == 2 else None
        if verb.casefold() == "add":
            if role is None:
                raise BadInput("As what?", remedy="Write analyst, customer or operator after the name")
            [line] = await self._people.add(asked.event, [user], role)
            return f"{literal(line.name or user)} is {_a(role)} now."
        listed = {line.role for line in self._roles.listed(asked.event.tenant) if line.user == user}
        gone = listed if role is None else listed & {role}
        if not gone:
            raise BadInput("is not on the roster", place=user, remedy="`roster list` shows who is")
        for each in gone:
            await self._people.remove(asked.event, [user], each)
        return f"No longer on the roster as {', '.join(sorted(gone))}."

    def _list(self, asked: Asked) -> str:
        tenant = asked.event.tenant
        lines = [
            f"- {literal(line.name or line.user)}: {line.role.value}, listed by {literal(line.by)}"
            for line in self._roles.listed(tenant)
        ]
        rules = "; ".join(self._roles.rules(tenant)) or "nobody yet"
        if not self._roles.has_operators(tenant):
            lines.append("- operators: the owners and admins of the workspace, until one is named")
        return "\n".join([f"Analysts are: {rules}.", *lines])


def _role(word: str) -> RosterRole:
    name = word.casefold().removesuffix("s")
    if name not in set(RosterRole):
        raise BadInput("is no role", place=word, remedy="Write analyst, customer or operator")
    return RosterRole(name)


def _a(role: RosterRole) -> str:
    return f"a{'' if role is RosterRole.CUSTOMER else 'n'} {role.value}"


def _name(row: Row) -> str:
    return f"#{literal(row['name'], 80)}"


def _names(rows: Sequence[Row]) -> str:
    return _name(rows[0]) if len(rows) == 1 else f"all {len(rows)} channels"


def _none_left(words: Sequence[str]) -> None:
    if words:
        place = " ".join(words)[:100]
        raise BadInput("is not a channel I know", place=place, remedy="Write it with #, as in #support")


def pause_words(row: Row, now: datetime) -> str:
    """`` · paused until …`` while a pause lasts, else ""."""
    until = row["paused_until"]
    if not until or datetime.fromisoformat(until) <= now:
        return ""
    if datetime.fromisoformat(until) - now > timedelta(days=3660):
        return "paused"
    return f"paused until {day_and_time(datetime.fromisoformat(until))}"
