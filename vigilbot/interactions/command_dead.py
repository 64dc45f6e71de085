"""``dead``: operators see what was given up, have it tried again, or drop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from vigilbot.admin import deadletters
from vigilbot.admin.deadletters import DeadLetter
from vigilbot.errors import BadInput
from vigilbot.interactions.commands import Asked, Question, Subcommand
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock

SHOWN = 15


class DeadCommands:
    """``wake`` is called when there is something to do again; ``stale``: so long a card is of use then."""

    def __init__(self, *, ledger: Ledger, clock: Clock, stale: timedelta, wake: Callable[[], None]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stale = stale
        self._wake = wake

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="dead list",
                usage="dead list",
                help="What I gave up after all tries: events, cards, clicks, runs, lessons, documents.",
                run=self._list,
            ),
            Subcommand(
                name="dead show",
                usage="dead show <number>",
                help="What one of them is about, why it failed, and what may help.",
                run=self._show,
            ),
            Subcommand(
                name="dead retry",
                usage="dead retry <numbers|all>",
                help="Tries them again, with all their tries.",
                run=self._retry,
            ),
            Subcommand(
                name="dead drop",
                usage="dead drop <numbers|all>",
                help="Leaves them undone for good.",
                run=self._drop,
                ask=self._ask_drop,
            ),
        )

    async def _list(self, asked: Asked) -> str:
        found = await deadletters.dead_letters(self._ledger, tenant=asked.event.tenant)
        if not found:
            return "I have given nothing up."
        lines = [f"**{counted(len(found), 'dead letter')}**", *map(_line, found[:SHOWN])]
        lines += [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join([*lines, "", "`dead show`, `dead retry` and `dead drop` take a number or several."])

    async def _show(self, asked: Asked) -> str:
        if len(asked.words) != 1:
            raise BadInput("Which one?", remedy="Give one number of `dead list`")
        [each] = await self._meant(asked)
        where = f" in #{literal(each.channel_name, 80)}" if each.channel_name else ""
        lines = [f"**{each.kind} {literal(each.subject)}**{where}, given up {day_and_time(each.at)}"]
        lines += [f"About: “{literal(each.what, 300)}”"] if each.what else []
        return "\n".join([*lines, f"Reason: {literal(each.why, 300) or 'not known'}", f"{each.remedy}."])

    async def _retry(self, asked: Asked) -> str:
        done = await deadletters.retry(
            self._ledger,
            await self._meant(asked),
            actor=asked.event.user,
            at=self._clock.now(),
            stale=self._stale,
        )
        self._wake()
        return f"{counted(done, 'piece of work', 'pieces of work')} will be tried again."

    async def _ask_drop(self, asked: Asked) -> Question:
        found = await self._meant(asked)
        if not found:
            raise BadInput("There is nothing to drop")
        lines = [f"**Leave {counted(len(found), 'piece of work', 'pieces of work')} undone for good?**"]
        lines += [*map(_line, found[:SHOWN])]
        lines += [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return Question(text="\n".join(lines), words=tuple(str(each.number) for each in found))

    async def _drop(self, asked: Asked) -> str:
        done = await deadletters.drop(
            self._ledger, await self._meant(asked), actor=asked.event.user, at=self._clock.now()
        )
        return f"Dropped {done}."

    async def _meant(self, asked: Asked) -> tuple[DeadLetter, ...]:
        words = asked.words
        if [word.casefold() for word in words] == ["all"]:
            return await deadletters.dead_letters(self._ledger, tenant=asked.event.tenant)
        if not words:
            raise BadInput("Which ones?", remedy="Give numbers of `dead list`, or `all`")
        numbers = [_number(word) for word in words]
        return await deadletters.find(self._ledger, numbers, tenant=asked.event.tenant)


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise BadInput("is no number", place=word[:40], remedy="Give numbers of `dead list`")
    return int(word)


def _line(each: DeadLetter) -> str:
    where = f" #{literal(each.channel_name, 80)}" if each.channel_name else ""
    return f"- {each.number}: {each.kind}{where}, {day_and_time(each.at)}: {literal(each.why, 160)}"
