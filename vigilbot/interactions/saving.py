""" "Save to knowledge": an analyst makes an entry of a message, after reading and mending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from vigilbot.cards import Field, FieldKind, Form
from vigilbot.domain import (
    Citation,
    Extraction,
    KnowledgeEntry,
    QuestionState,
    Role,
    SupportKind,
    Trust,
)
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.sharing import Sharing
from vigilbot.interactions.wording import literal
from vigilbot.knowledge import Knowledge, Learned, Origin, new_entry_id
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import names, pack, stamp
from vigilbot.oncalls import message_id
from vigilbot.ports import Clock, Interaction, InteractionKind, Response, Row
from vigilbot.redact import MARK, redact
from vigilbot.roles import Roles
from vigilbot.text import links

Handler = Callable[[Interaction], Awaitable[Response]]

SHORTCUT = "save_knowledge"
FORM = "save_knowledge"
"""The shortcut's name, and the form's; the form's value is the ts of the message it is about."""
_LONGEST_QUESTION, _LONGEST_ANSWER = 1000, 3000
_REFUSED = "Only analysts can save to the knowledge base."
_OPEN = (QuestionState.OPEN, QuestionState.ANSWERED, QuestionState.UNRESOLVED)


_HERE, _EVERYBODY = "here", "everybody"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What the ledger knows of the chosen message."""

    id: str
    answer: str
    question: str
    oncall: Row | None
    asked: Row | None  # the question it may answer


class Saving:
    """``sharing`` has the second form, for what other customers may be told too."""

    def __init__(
        self, *, ledger: Ledger, knowledge: Knowledge, roles: Roles, clock: Clock, sharing: Sharing
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._roles = roles
        self._clock = clock
        self._sharing = sharing

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {
            (InteractionKind.SHORTCUT, SHORTCUT): self.chosen,
            (InteractionKind.SUBMIT, FORM): self.submitted,
        }

    async def chosen(self, interaction: Interaction) -> Response:
        """The form, filled in from the message and what was asked before it."""
        if not self._roles.is_analyst(interaction.event):
            return Refusal(text=_REFUSED)
        channel = await self._channel(interaction)
        if channel is None:
            return Response(text="I am not in this channel, so I cannot keep what is said here.")
        found = await self._found(interaction)
        question, answer = redact(found.question), redact(found.answer)
        note = "Read it before you save it: from now on it answers others who may see this channel."
        if (question, answer) != (found.question, found.answer) or MARK in question + answer:
            note += " **Secrets and personal data were taken out**: their places say so."
        return Response(
            form=Form(
                title="Save to knowledge",
                name=FORM,
                value=interaction.event.ts,
                fields=(
                    Field(
                        name="question",
                        label="Question",
                        kind=FieldKind.TEXT,
                        initial=question[:_LONGEST_QUESTION],
                        hint="So that it can be understood on its own.",
                        longest=_LONGEST_QUESTION,
                    ),
                    Field(
                        name="answer",
                        label="Answer",
                        kind=FieldKind.TEXT,
                        initial=answer[:_LONGEST_ANSWER],
                        longest=_LONGEST_ANSWER,
                    ),
                    *_audience(channel),
                ),
                note=note,
            )
        )

    async def submitted(self, interaction: Interaction) -> Response:
        """Learned as verified, in this channel's space; what is known already gets one more supporter."""
        if not self._roles.is_analyst(interaction.event):
            return Refusal(text=_REFUSED)
        question = redact(str(interaction.fields.get("question", "")).strip())
        answer = redact(str(interaction.fields.get("answer", "")).strip())
        errors = {
            name: f"Please write the {name}."
            for name, text in (("question", question), ("answer", answer))
            if not text
        }
        if errors:
            return Response(errors=errors)
        channel = await self._channel(interaction)
        if channel is None:
            return Response(text="I am not in this channel any more, so nothing was saved.")
        found = await self._found(interaction)
        async with self._knowledge.writing:  # the same form may have been sent twice
            saved = await self._knowledge.get(new_entry_id("saved", found.id))
            if saved is not None:
                again = await self._again(interaction, saved, question=question, answer=answer)
                everybody = interaction.fields.get("share") == _EVERYBODY
                return await self._shared(interaction, saved.id) if everybody else again
            learned = await self._learn(interaction, found, channel, question=question, answer=answer)
        if interaction.fields.get("share") == _EVERYBODY:
            return await self._shared(interaction, learned.entry)
        if learned.new:
            return Response(text=f"Saved as `{learned.entry}`. It answers from now on.")
        entry = await self._knowledge.get(learned.entry)
        known = f": “{literal(entry.question)}”" if entry else ""
        return Response(
            text=f"Known already as `{learned.entry}`{known}. It is verified now and counts one case more."
        )

    async def _shared(self, interaction: Interaction, entry_id: str) -> Response:
        """It is saved here; what the others are told is read once more before it is."""
        entry, saved = await self._knowledge.get(entry_id), f"Saved here as `{entry_id}`."
        if entry is None or interaction.event.user_external:
            return Response(text=saved)
        tenant = interaction.event.tenant
        return Response(form=await self._sharing.form(entry, tenant=tenant, note=saved))

    async def _learn(
        self, interaction: Interaction, found: _Found, channel: Row, *, question: str, answer: str
    ) -> Learned:
        now = self._clock.now()
        asked = found.asked
        origin = Origin(
            tenant=channel["tenant"],
            space=channel["space"],
            channel=channel["channel"],
            oncall=found.oncall["id"] if found.oncall else "",
            customer=found.oncall["customer"] if found.oncall else "",
        )

        learned = await self._knowledge.learn(
            Extraction(
                question=question,
                answer=answer,
                message_ids=(found.id,),
                citations=tuple(Citation(url=url, title=url) for url in links(answer)),
                confirmed=False,
                resolved_at=now,
            ),
            origin=origin,
            entry_id=new_entry_id("saved", found.id),
            trust=Trust.VERIFIED,
            actor=interaction.event.user,
            reason="saved by an analyst",
            also=lambda entry: (
                [
                    Runs.change_question(
                        asked["id"],
                        state=QuestionState.RESOLVED.value,
                        resolved_at=stamp(now),
                        resolution_ids=pack([found.id]),
                        entry=entry,
                    )
                ]
                if asked is not None
                else []
            ),
        )
        entry = None if learned.new else await self._knowledge.get(learned.entry)
        if entry is not None:
            await self._knowledge.support(
                entry,
                origin=origin,
                kind=SupportKind.VERIFIED,
                question=question,
                verify=True,
                actor=interaction.event.user,
            )
        return learned

    async def _again(
        self, interaction: Interaction, saved: KnowledgeEntry, *, question: str, answer: str
    ) -> Response:
        """The same message saved once more: new words are a new revision."""
        if (saved.question, saved.answer) == (question, answer):
            return Response(text=f"It was saved already, as `{saved.id}`.")
        revised = await self._knowledge.revise(
            saved,
            tenant=interaction.event.tenant,
            question=question,
            answer=answer,
            precondition=saved.precondition,
            citations=tuple(Citation(url=url, title=url) for url in links(answer)),
            message_ids=saved.message_ids,
            actor=interaction.event.user,
            reason="saved by an analyst once more",
        )
        if not revised:
            return Response(text=f"`{saved.id}` has just been retracted, so nothing was saved.")
        return Response(text=f"`{saved.id}` says this now. What it said before stays in its history.")

    async def _channel(self, interaction: Interaction) -> Row | None:
        return await self._ledger.chats.channel(interaction.event.tenant, interaction.event.channel)

    async def _found(self, interaction: Interaction) -> _Found:
        event = interaction.event
        form = interaction.kind is InteractionKind.SUBMIT
        ts = interaction.value if form else event.ts
        message = message_id(event.tenant, event.channel, ts)
        row = await self._ledger.chats.message(message)
        if row is None:
            return _Found(id=message, answer=interaction.text, question="", oncall=None, asked=None)
        oncall = await self._ledger.chats.oncall_row(row["oncall"])
        if row["role"] == Role.CUSTOMER.value:  # a question is nobody's answer, whoever saves it
            return _Found(
                id=message,
                answer=await self._after(row),
                question=row["text"],
                oncall=oncall,
                asked=await self._asked(row, {message}),
            )
        before = await self._ledger.fetch(
            "SELECT * FROM messages WHERE oncall = :oncall AND deleted = 0 AND role = :role "
            "AND (at < :at OR (at = :at AND ts < :ts)) ORDER BY at DESC, ts DESC LIMIT 20",
            oncall=row["oncall"],
            role=Role.CUSTOMER.value,
            at=row["at"],
            ts=row["ts"],
        )
        asked = await self._asked(row, {m["id"] for m in before})
        if asked is not None:
            words = str(asked["text"])
        else:
            last = [m for m in before if m["author"] == before[0]["author"]][:3]
            words = " ".join(m["text"] for m in reversed(last))
        return _Found(
            id=message,
            answer=row["text"],
            question=words,
            oncall=oncall,
            asked=asked,
        )

    async def _asked(self, row: Row, messages: set[str]) -> Row | None:
        """The last unresolved question of the message's on-call that rests on one of these messages."""
        open_ones = await self._ledger.runs.questions(row["oncall"], *_OPEN)
        return next(
            (q for q in reversed(open_ones) if not messages.isdisjoint(names(q["message_ids"]))), None
        )

    async def _after(self, row: Row) -> str:
        """What analysts wrote first after a customer's message."""
        said = await self._ledger.fetch(
            "SELECT text FROM messages WHERE oncall = :oncall AND deleted = 0 AND role = :role "
            "AND (at, ts) > (:at, :ts) ORDER BY at, ts LIMIT 3",
            oncall=row["oncall"],
            role=Role.ANALYST.value,
            at=row["at"],
            ts=row["ts"],
        )
        return "\n".join(each["text"] for each in said)


def _audience(channel: Row) -> list[Field]:
    """What is said in a channel of its own stays there, unless somebody says otherwise."""
    if not str(channel["space"]).startswith("channel:"):
        return []
    return [
        Field(
            name="share",
            label="Who may be told",
            kind=FieldKind.CHOICE,
            initial=_HERE,
            options=((_HERE, "This channel only"), (_EVERYBODY, "All customers: show me the text first")),
            optional=True,
        )
    ]
