"""What operators type after the slash command: plain text in, a private answer out.

Every use is recorded, refused ones too. What cannot simply be taken back is shown first and done on a
second click, which is checked like the first. A subcommand's module says what it does; this one says who may.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from vigilbot.admin import audit
from vigilbot.cards import Action, ActionKind, Notice, Panel
from vigilbot.domain import Event
from vigilbot.errors import BadInput
from vigilbot.interactions.arguments import LONGEST, channel_of, names_channel, split
from vigilbot.interactions.wording import literal
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock, Interaction, Response, Row
from vigilbot.roles import Roles
from vigilbot.text import clean, plain

VALUE = 1900  # characters that a button's value may have


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One use of a subcommand. ``words`` are those after its name, as the platform writes them, ``rest``
    the same as one plain text."""

    event: Event
    words: tuple[str, ...]
    operator: bool

    @property
    def rest(self) -> str:
        return self.said(self.words)

    @staticmethod
    def said(words: Sequence[str]) -> str:
        """Some of the words as people read them."""
        return plain(" ".join(words))


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked first. ``words`` take the place of those typed: they mean the same even if things
    change before the click, or it comes twice."""

    text: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subcommand:
    """``run`` does it and says so. ``ask`` says first what will happen; "" where nothing needs asking.

    Both raise BadInput with the reason when it cannot be done.
    """

    name: str
    usage: str
    help: str
    run: Callable[[Asked], Awaitable[str | Panel]]
    ask: Callable[[Asked], Awaitable[str | Question]] | None = None
    analysts: bool = False  # they may use it too


class Places:
    """Finds the channel that a command means."""

    def __init__(self, *, ledger: Ledger) -> None:
        self._ledger = ledger

    async def of(self, asked: Asked, word: str = "") -> Row:
        """The channel named, or the one the command was typed in. Raises BadInput when the bot knows none."""
        rows = await self._ledger.channels.of(asked.event.tenant)
        found = channel_of(word or asked.event.channel, rows)
        if found is None:
            here = word or "this channel"
            raise BadInput(
                f"I do not know {here}", remedy="Invite me to the channel, or name one of those in `status`"
            )
        return found

    async def split(self, asked: Asked) -> tuple[Row, tuple[str, ...]]:
        """The channel meant, by the last word if it names one, else the first; and the other words."""
        if asked.words and names_channel(asked.words[-1]):
            return await self.of(asked, asked.words[-1]), asked.words[:-1]
        if asked.words and names_channel(asked.words[0]):
            return await self.of(asked, asked.words[0]), asked.words[1:]
        return await self.of(asked), asked.words


class Commands:
    """Parses, checks who asks, records, and hands over to the subcommand."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roles: Roles,
        clock: Clock,
        command: str,
        mention: str,
        subcommands: Sequence[Subcommand],
    ) -> None:
        self._ledger = ledger
        self._roles = roles
        self._clock = clock
        self._command = command
        self._mention = mention
        own = Subcommand(
            name="help",
            usage="help [command]",
            help="Lists the commands, or explains one.",
            run=self._help,
            analysts=True,
        )
        self._table: Mapping[str, Subcommand] = {each.name: each for each in (own, *subcommands)}

    async def command(self, interaction: Interaction) -> Response:
        """The slash command."""
        return await self._do(interaction.event, interaction.text, confirmed=False)

    async def confirm(self, interaction: Interaction) -> Response:
        """A click on the button under a question; the value is the command as it was typed."""
        return replace(await self._do(interaction.event, interaction.value, confirmed=True), done=True)

    async def _do(self, event: Event, text: str, *, confirmed: bool) -> Response:
        text = clean(text[:LONGEST])
        words = split(text)
        found = self._found(words)
        if found is None:
            await self._record(event, "unknown command", text)
            return Response(text=self._unknown(words))
        operator = self._roles.is_operator(event)
        if not operator and not (found.analysts and self._roles.is_analyst(event)):
            await self._record(event, f"refused: {found.name}", text)
            return Response(text=self._refusal(found))
        rest = tuple(words[len(found.name.split()) :]) if words else ()
        asked = Asked(event=event, words=rest, operator=operator)
        try:
            question = await found.ask(asked) if found.ask is not None and not confirmed else ""
            await self._record(event, f"{found.name} (asked back)" if question else found.name, text)
            if question:
                return self._question(found, question, rest)
            said = await found.run(asked)
        except BadInput as error:
            await self._record(event, f"{found.name} (not possible)", text)
            return Response(text=_complaint(error))
        return Response(panel=said) if isinstance(said, Panel) else Response(text=said)

    def _found(self, words: Sequence[str]) -> Subcommand | None:
        """By two words, then by one; no words at all ask for help."""
        if not words:
            return self._table["help"]
        one, two = words[0].casefold(), " ".join(words[:2]).casefold()
        return self._table.get(two) or self._table.get(one)

    def _question(self, found: Subcommand, question: str | Question, rest: Sequence[str]) -> Response:
        if isinstance(question, Question):
            rest, question = question.words, question.text
        value = " ".join((found.name, *rest))
        if len(value) > VALUE:
            raise BadInput("That is too long", remedy=f"Use less than {VALUE} characters")
        button = Action(
            kind=ActionKind.CONFIRM, label=found.name.split()[-1].capitalize(), value=value, primary=True
        )
        return Response(notice=Notice(text=question, actions=(button,)))

    async def _record(self, event: Event, what: str, text: str) -> None:
        """Before it is done: what cannot be recorded is not done."""
        await self._ledger.write(
            audit(
                tenant=event.tenant,
                at=self._clock.now(),
                actor=event.user,
                action="command",
                subject=what,
                detail=text[:500],
            )
        )

    # -- what it says of itself

    async def _help(self, asked: Asked) -> str:
        if asked.words:
            name = asked.rest.casefold()
            some = [one for one in self._table.values() if one.name == name or one.name.split()[0] == name]
            if not some:
                raise BadInput(self._unknown(asked.words))
            return "\n".join(self._line(one, full=True) for one in some)
        mine = [one for one in self._table.values() if asked.operator or one.analysts]
        note = "" if asked.operator else "\n\nOperators have more commands."
        return "\n".join(self._line(one) for one in mine) + note

    def _line(self, one: Subcommand, *, full: bool = False) -> str:
        who = " For analysts too." if full and one.analysts else " For operators." if full else ""
        first = one.help if full else one.help.split(". ")[0].rstrip(".") + "."
        return f"`{self._command} {one.usage}` — {first}{who}"

    def _unknown(self, words: Sequence[str]) -> str:
        typed = " ".join(words[:2]).casefold()
        near = difflib.get_close_matches(typed, self._table, n=1, cutoff=0.5) or difflib.get_close_matches(
            words[0].casefold(), self._table, n=1, cutoff=0.6
        )
        group = [
            self._line(one) for one in self._table.values() if one.name.split()[0] == words[0].casefold()
        ]
        if group and not near:  # such as `kb` alone
            return "\n".join(group)
        meant = f" Did you mean `{self._command} {near[0]}`?" if near else ""
        return f"I do not know “{literal(typed, 60)}”.{meant} `{self._command} help` lists the commands."

    def _refusal(self, found: Subcommand) -> str:
        whom = "operators and analysts" if found.analysts else "operators"
        return (
            f"`{self._command} {found.name}` is for {whom}. Nothing was done; the attempt was recorded. "
            f"Anyone can write `{self._mention}` and a question, or `{self._mention} quiet` in a thread."
        )


def _complaint(error: BadInput) -> str:
    place = f"“{literal(error.place, 100)}” " if error.place else ""
    remedy = f" {error.remedy.rstrip('.')}." if error.remedy else ""
    problem = error.problem if error.problem.endswith("?") else error.problem.rstrip(".") + "."
    return f"{place}{problem}{remedy}"
