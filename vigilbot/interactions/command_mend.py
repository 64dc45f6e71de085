"""Commands that mend what was learned: undo everything of somebody, corrections, impact, gaps, erasure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from vigilbot.admin.corrections import Corrections, Owed
from vigilbot.admin.erasing import Erasure, erase, named, plan
from vigilbot.admin.impact import Leaning, impact_of
from vigilbot.admin.undoing import Deeds, Done, deeds_of, undo_deeds
from vigilbot.domain import Event
from vigilbot.errors import BadInput
from vigilbot.evals.kb_gaps import Gap, gaps
from vigilbot.interactions.arguments import span_of, user_of
from vigilbot.interactions.commands import Asked, Question, Subcommand
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Clock

SHOWN = 10
_SPAN = "Say since when, such as `2h`, `3d` or 2026-03-01T09:00+00:00"


class MendCommands:
    """``wake`` is called when there is something to post."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        corrections: Corrections,
        clock: Clock,
        seeing: Seeing,
        wake: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._corrections = corrections
        self._clock = clock
        self._seeing = seeing
        self._wake = wake

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="kb impact",
                usage="kb impact <entry>",
                help="What leaned on an entry: answers, cards that stand, on-calls, accepted or not.",
                run=self._impact,
                analysts=True,
            ),
            Subcommand(
                name="kb corrections",
                usage="kb corrections",
                help="Cards that stand on knowledge which was taken back or changed. Nothing is posted.",
                run=self._owed,
            ),
            Subcommand(
                name="kb correct",
                usage="kb correct [none]",
                help="Posts these corrections, one message a thread. With `none`, lets them be.",
                run=self._correct,
                ask=self._ask_correct,
            ),
            Subcommand(
                name="kb gaps",
                usage="kb gaps",
                help="What people asked for and nobody has answered, the most wanted first.",
                run=self._gaps,
                analysts=True,
            ),
            Subcommand(
                name="erase",
                usage="erase @person",
                help="Blanks everything a person wrote, and what was learned from it alone. For good.",
                run=self._erase,
                ask=self._ask_erase,
            ),
        )

    # -- everything by one person

    async def ask_undo(self, asked: Asked) -> Question:
        """``kb undo @who 2h``: the list and the count, and a button that takes back just these."""
        now = self._clock.now()
        deeds = await self._deeds(asked, now)
        if not deeds.count:
            left = f" {len(deeds.left)} entries were changed by others since." if deeds.left else ""
            raise BadInput(f"There is nothing to take back since {day_and_time(deeds.since)}.{left}")
        lines = [
            f"**Take back {counted(deeds.count, 'thing')} by {asked.words[0]} since "
            f"{day_and_time(deeds.since)}?** Nothing is posted because of it; `kb corrections` shows what is "
            "owed then."
        ]
        lines += [_done(each) for each in deeds.able[:SHOWN]]
        lines += [f"- Accept of “{literal(each.question, 120)}”" for each in deeds.accepts[:SHOWN]]
        more = max(0, len(deeds.able) - SHOWN) + max(0, len(deeds.accepts) - SHOWN)
        lines += [f"and {more} more"] if more else []
        lines += [f"- left alone: {_left(each)}" for each in deeds.left[:SHOWN]]
        return Question(text="\n".join(lines), words=(asked.words[0], stamp(deeds.since), stamp(now)))

    async def undo(self, asked: Asked) -> str:
        now = self._clock.now()
        deeds = await self._deeds(asked, now)
        taken = await undo_deeds(self._knowledge, self._ledger, deeds, actor=asked.event.user, at=now)
        owed = len(await self._corrections.owed(asked.event.tenant))
        told = f" {counted(owed, 'correction')} owed: `kb corrections`." if owed else ""
        return f"Took back {counted(taken, 'thing')}. Each can be brought back with `kb undo`.{told}"

    async def _deeds(self, asked: Asked, now: datetime) -> Deeds:
        if len(asked.words) not in (2, 3):
            raise BadInput("Whose, and since when?", remedy=_SPAN)
        since = _since(asked.words[1], now)
        until = _since(asked.words[2], now) if len(asked.words) == 3 else now
        return await deeds_of(
            self._ledger, user_of(asked.words[0]), since=since, until=until, tenant=asked.event.tenant
        )

    # -- corrections

    async def _owed(self, asked: Asked) -> str:
        owed = await self._corrections.owed(asked.event.tenant)
        if not owed:
            return "No card stands on knowledge that was taken back or changed within the last day."
        return "\n".join(
            [_count(owed), *_listed(owed), "`kb correct` posts them, `kb correct none` does not."]
        )

    async def _ask_correct(self, asked: Asked) -> Question:
        owed = await self._corrections.owed(asked.event.tenant)
        if not owed:
            raise BadInput("No correction is owed")
        what = "Let these be? Nothing is posted." if _none(asked) else "Post these corrections?"
        last = str(max(each.id for each in owed))
        words = ("none",) if _none(asked) else (last,)
        return Question(text="\n".join([f"**{what}** {_count(owed)}", *_listed(owed)]), words=words)

    async def _correct(self, asked: Asked) -> str:
        who = {"by": asked.event.user, "tenant": asked.event.tenant}
        if _none(asked):
            return f"{counted(await self._corrections.dismiss(**who), 'correction')} will not be posted."
        through = int(asked.words[0]) if asked.words and asked.words[0].isdecimal() else None
        posts = await self._corrections.confirm(**who, through=through)
        self._wake()
        return f"{counted(posts, 'message')} will be posted, one a thread; the cards say so too."

    # -- looking

    async def _impact(self, asked: Asked) -> str:
        if len(asked.words) != 1:
            raise BadInput("Which entry?", remedy="Name one, such as K1a2b3c4d5e")
        row = await self._ledger.entries.entry(asked.words[0])
        visible = row is not None and await self._seeing.entry(
            asked.event, tenant=row["tenant"], space=row["space"], channel=row["channel"]
        )
        if not visible:
            raise BadInput("is no entry that you can see", place=asked.words[0][:100])
        impact = await impact_of(self._ledger, asked.words[0])
        mine = {each["channel"] for each in await self._seeing.channels(asked.event)}
        shown = [each for each in impact.answers if each.channel in mine]
        hidden = len(impact.answers) - len(shown)
        lines = [
            f"**{literal(impact.entry)}** “{literal(impact.question, 200)}”: "
            f"{counted(len(impact.answers), 'answer')} in {counted(impact.oncalls, 'on-call')}; "
            f"{counted(impact.cards, 'card')} stand, {impact.accepted} accepted, "
            f"{counted(impact.open, 'on-call')} with a card still open."
        ]
        lines += [_leaning(each) for each in shown[-SHOWN:]]
        lines += [f"and {hidden} in channels that you cannot see"] if hidden else []
        return "\n".join(lines)

    async def _gaps(self, asked: Asked) -> str:
        event: Event = asked.event
        channels = [row["channel"] for row in await self._seeing.channels(event)]
        found = await gaps(self._ledger, now=self._clock.now(), tenant=event.tenant, channels=channels)
        if not found:
            return "Every question that I could make out has an answer."
        lines = [f"**{counted(len(found), 'subject')} without an answer**"]
        lines += [_gap(n, each) for n, each in enumerate(found[:SHOWN], start=1)]
        lines += [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join(lines)

    # -- erasure

    async def _ask_erase(self, asked: Asked) -> str:
        found = await self._plan(asked)
        return (
            f"**Erase what {literal(named(found))} wrote? This cannot be taken back.** Blanked: "
            f"{erased_words(found)}. Backups, exports and what stands in Slack are not touched by it."
        )

    async def _erase(self, asked: Asked) -> str:
        found = await self._plan(asked)
        await erase(
            found,
            ledger=self._ledger,
            knowledge=self._knowledge,
            actor=asked.event.user,
            at=self._clock.now(),
        )
        self._wake()
        return f"Erased: {erased_words(found)}. It cannot be taken back."

    async def _plan(self, asked: Asked) -> Erasure:
        if len(asked.words) != 1:
            raise BadInput("Whose words?", remedy="Mention the person with @")
        found = await plan(self._ledger, tenant=asked.event.tenant, person=user_of(asked.words[0]))
        if found.nothing:
            raise BadInput("I know nothing of this person")
        return found


def names_person(words: Sequence[str]) -> bool:
    """Whether a command is about a person: the first word mentions one."""
    return bool(words) and words[0].startswith(("<@", "@"))


def erased_words(found: Erasure) -> str:
    """What an erasure blanks, counted."""
    parts = [
        counted(len(found.messages), "message"),
        counted(found.events, "event"),
        counted(len(found.questions), "question"),
        counted(len(found.answers), "answer"),
        f"{counted(len(found.gone), 'entry', 'entries')} learned from these words, taken out of use",
        f"the wording of {counted(len(found.renamed), 'entry', 'entries')} that others explained",
        f"{counted(len(found.cards), 'card')} taken down",
    ]
    return ", ".join(parts)


def _since(word: str, now: datetime) -> datetime:
    if (span := span_of(word)) is not None:
        return now - span
    try:
        at = datetime.fromisoformat(word)
    except ValueError as error:
        raise BadInput("is no time", place=word[:40], remedy=_SPAN) from error
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)


def _none(asked: Asked) -> bool:
    return bool(asked.words) and asked.words[0].casefold() == "none"


def _done(each: Done) -> str:
    what = ", ".join(each.operations)
    return f"- {literal(each.entry)} ({what}, {day_and_time(each.at)}): {literal(each.question, 120)}"


def _left(each: Done) -> str:
    return f"{literal(each.entry)}, as since then: {literal(each.others)}"


def _count(owed: Sequence[Owed]) -> str:
    threads = len({(each.channel, each.thread) for each in owed})
    return f"{counted(len(owed), 'correction')} owed in {counted(threads, 'thread')}."


def _listed(owed: Sequence[Owed]) -> list[str]:
    lines = [
        f"- #{literal(each.channel_name, 80)}, {'open' if each.open else 'closed'}: "
        f"“{literal(each.question, 120)}”, on {literal(each.entry)}@{each.revision} → "
        f"{literal(each.now, 160) or 'taken back'}"
        for each in owed[:SHOWN]
    ]
    return lines + ([f"and {len(owed) - SHOWN} more"] if len(owed) > SHOWN else [])


def _leaning(each: Leaning) -> str:
    card = f"card {each.delivery}" if each.delivery else "no card"
    became = f", {each.outcome}" if each.outcome else ""
    state = "open" if each.open else "closed"
    return (
        f"- {day_and_time(each.at)}, #{literal(each.channel_name, 80)} ({state}): "
        f"“{literal(each.question, 120)}” → {card}{became}"
    )


def _gap(number: int, each: Gap) -> str:
    who = (
        f"; {', '.join(literal(name, 40) for name in each.answerers)} usually answer there"
        if each.answerers
        else ""
    )
    places = ", ".join(f"#{literal(name, 40)}" for name in each.channels[:3])
    waiting = f", {each.waiting} still waiting" if each.waiting else ""
    return (
        f"{number}. {literal(each.question, 160)} — {counted(each.askers, 'asker')}, "
        f"{counted(each.oncalls, 'on-call')}{waiting}, since {each.first_at:%Y-%m-%d}, {places}{who}"
    )
