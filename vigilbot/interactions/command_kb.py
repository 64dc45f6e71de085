"""Commands about knowledge: kb search, show, retract, undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vigilbot import admin
from vigilbot.admin import Life, RevisionMade
from vigilbot.domain import Citation, Passage
from vigilbot.errors import BadInput
from vigilbot.interactions.command_mend import MendCommands, names_person
from vigilbot.interactions.commands import Asked, Places, Question, Subcommand
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import Ledger, Runs
from vigilbot.pipeline import Pipeline, Place
from vigilbot.ports import Clock, Row
from vigilbot.usage import metered

SHOWN = 5  # passages of a search, and operations and answers of a life
LONG = 700  # characters of one text
_NO_ENTRY = "is no entry that you can see"


class KnowledgeCommands:
    """``place_of`` says which knowledge may answer in a channel."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        pipeline: Pipeline,
        clock: Clock,
        places: Places,
        seeing: Seeing,
        place_of: Callable[[Row], Place],
        mending: MendCommands,
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._pipeline = pipeline
        self._clock = clock
        self._places = places
        self._seeing = seeing
        self._place_of = place_of
        self._mending = mending

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="kb search",
                usage="kb search <words> [#channel]",
                help="What I would find and answer, were it asked in this channel or in that one.",
                run=self._search,
                analysts=True,
            ),
            Subcommand(
                name="kb show",
                usage="kb show <entry>",
                help="An entry's life: what it says, since when, who changed it, where it served.",
                run=self._show,
                analysts=True,
            ),
            Subcommand(
                name="kb retract",
                usage="kb retract <entry> <reason>",
                help="Takes an entry out of use; it answers nothing from then on. `kb undo` brings it back.",
                run=self._retract,
                ask=self._ask_retract,
            ),
            Subcommand(
                name="kb undo",
                usage="kb undo <entry>[@operation] | @person <since>",
                help="Takes back the last operation on an entry, or everything by a person since then. "
                "With an operation's number, only if that is the last.",
                run=self._undo,
                ask=self._ask_undo,
            ),
        )

    async def _search(self, asked: Asked) -> str:
        row, words = await self._places.split(asked)
        if row["channel"] not in {each["channel"] for each in await self._seeing.channels(asked.event)}:
            raise BadInput("You cannot see that channel")
        question = asked.said(words)
        if not question:
            raise BadInput("Search for what?", remedy="Write a question after `kb search`")
        place, now = self._place_of(row), self._clock.now()
        with metered() as meter:
            try:
                judged = await admin.search(question, pipeline=self._pipeline, place=place, at=now)
            finally:
                account = {"tenant": row["tenant"], "channel": row["channel"], "id": "kb search"}
                await self._ledger.write(*Runs.put_calls(meter.fresh(), oncall=account))
        if not judged.passages:
            return f"I know nothing about “{literal(question)}” in #{literal(row['name'], 80)}."
        lines = [_found(n, each) for n, each in enumerate(judged.passages[:SHOWN], start=1)]
        answer = judged.answer
        if answer.refused:
            said = f"I would not answer: {literal(answer.reason or 'nothing supports an answer', 300)}."
        else:
            enough = answer.confidence >= judged.enough
            sure = f"confidence {answer.confidence:.2f}{'' if enough else ', too little for a card'}"
            said = f"I would answer ({sure}): {literal(answer.text, LONG)}"
        return "\n".join([f"**{literal(judged.question.text)}**", *lines, "", said])

    async def _show(self, asked: Asked) -> str:
        life = await self._life(asked, _one_word(asked))
        entry = life.now.entry
        state = "retracted" if life.now.retracted else f"in force, {entry.trust.value}"
        votes = f"{counted(life.now.support, 'on-call')} for it"
        if life.now.against:
            votes += f", {life.now.against} against"
        lines = [
            f"**{entry.id}** — {state}; {votes}; {_place_words(life)}",
            f"Q: {literal(entry.question, LONG)}",
            f"A: {literal(entry.answer, LONG)}",
        ]
        if entry.precondition:
            lines.append(f"Only if: {literal(entry.precondition, LONG)}")
        lines += [f"- source: {_source(each)}" for each in entry.citations]
        lines += [_operation(entry.id, each) for each in life.revisions[-SHOWN:]]
        lines += [
            f"- {day_and_time(each.at)}: answered “{literal(each.question, 120)}”"
            + f" → {each.outcome or each.delivery or each.result}"
            + (f", accepted by {literal(', '.join(each.accepted_by), 80)}" if each.accepted_by else "")
            for each in life.answers[-SHOWN:]
        ]
        return "\n".join(lines)

    async def _ask_retract(self, asked: Asked) -> str:
        entry, _ = _entry_and_reason(asked)
        life = await self._life(asked, entry)
        if life.now.retracted:
            raise BadInput("is retracted already", place=entry, remedy="`kb undo` brings it back")
        return (
            f"**Retract {literal(entry)}?** It answers nothing from then on; `kb undo` brings it back. "
            f"{counted(life.now.support, 'on-call')} for it, {life.now.against} against.\n"
            f"Q: {literal(life.now.entry.question, LONG)}\nA: {literal(life.now.entry.answer, LONG)}"
        )

    async def _retract(self, asked: Asked) -> str:
        entry, reason = _entry_and_reason(asked)
        if (await self._life(asked, entry)).now.retracted:
            raise BadInput("is retracted already", place=entry, remedy="`kb undo` brings it back")
        await admin.retract(
            self._knowledge,
            self._ledger,
            entry,
            actor=asked.event.user,
            reason=reason,
            at=self._clock.now(),
        )
        return f"Retracted {literal(entry)}. `kb undo {entry}` brings it back."

    async def _ask_undo(self, asked: Asked) -> Question:
        if names_person(asked.words):
            return await self._mending.ask_undo(asked)
        entry, last = await self._last(asked)
        return Question(
            text=f"**Take back the last operation on {literal(entry)}?** "
            f"{_operation(entry, last).removeprefix('- ')}\n"
            f"It says now: {literal(last.question, 200)} → {literal(last.answer, LONG)}",
            words=(f"{entry}@{last.revision}",),
        )

    async def _undo(self, asked: Asked) -> str:
        if names_person(asked.words):
            return await self._mending.undo(asked)
        async with self._knowledge.writing:  # what was shown is what is taken back
            entry, _ = await self._last(asked)
            undone = await admin.undo(
                self._knowledge, self._ledger, entry, actor=asked.event.user, at=self._clock.now()
            )
        return f"Took back: {undone} of {literal(entry)}. `kb show {entry}` tells its life."

    async def _last(self, asked: Asked) -> tuple[str, RevisionMade]:
        """The entry and its last operation, which must be the one that was named, if one was."""
        entry, _, number = _one_word(asked).partition("@")
        last = (await self._life(asked, entry)).revisions[-1]
        if number and number != str(last.revision):
            raise BadInput(
                f"Operation {number[:20]} is not the last one on {entry}",
                remedy=f"That is {entry}@{last.revision} ({last.operation})",
            )
        return entry, last

    async def _life(self, asked: Asked, entry: str) -> Life:
        """Raises BadInput for what is not there, and no other for what this person may not see."""
        row = await self._ledger.entries.entry(entry)
        visible = row is not None and await self._seeing.entry(
            asked.event, tenant=row["tenant"], space=row["space"], channel=row["channel"]
        )
        if not visible:
            raise BadInput(_NO_ENTRY, place=entry[:100], remedy="`kb search` names entries")
        return await admin.show_entry(self._ledger, entry)


def _one_word(asked: Asked) -> str:
    if len(asked.words) != 1:
        raise BadInput("Which entry?", remedy="Name one, such as K1a2b3c4d5e")
    return asked.words[0]


def _entry_and_reason(asked: Asked) -> tuple[str, str]:
    if not asked.words:
        raise BadInput("Which entry?", remedy="Name one, such as K1a2b3c4d5e, and say why")
    reason = asked.said(asked.words[1:])
    if not reason:
        raise BadInput("A reason is missing", remedy="Say why in a few words, after the entry")
    return asked.words[0], reason


def _found(number: int, each: Passage) -> str:
    entry = each.entry
    return (
        f"{number}. {literal(entry.id)} (score {each.score:.2f}, {entry.trust.value}, "
        f"{counted(each.support, 'on-call')}): {literal(entry.question, 160)} → {literal(entry.answer, 240)}"
    )


def _operation(entry: str, each: RevisionMade) -> str:
    why = f": {literal(each.reason)}" if each.reason else ""
    who = f"{each.operation} by {literal(each.actor)}, {day_and_time(each.at)}"
    return f"- {literal(entry)}@{each.revision} {who}{why}"


def _source(each: Citation) -> str:
    url = each.url if each.url != each.title else ""
    return " ".join(part for part in (literal(each.title), url) if part)


def _place_words(life: Life) -> str:
    if not life.now.entry.channel:
        return "imported"
    return f"learned in #{literal(life.now.channel_name, 80)}"
