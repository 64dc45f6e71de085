"""Clicks on cards and drafts: the right reply to everybody, and what an analyst edits before posting."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping

from vigilbot.cards import ActionKind, Field, FieldKind, Form
from vigilbot.clicks import Clicks, Reply
from vigilbot.interactions.refusing import Refusal
from vigilbot.ports import Interaction, InteractionKind, Response

Handler = Callable[[Interaction], Awaitable[Response]]

EDITED = "edit_draft"
"""The form in which an analyst edits a draft; its value is the answer's id."""
LONGEST = 3000  # characters of an answer; what a platform's input takes
_MARKER = re.compile(r"\s*\[\d+\]")


class OnCards:
    """The buttons of cards and drafts. An Interaction's value is the answer's id."""

    def __init__(self, *, clicks: Clicks) -> None:
        self._clicks = clicks

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {
            (InteractionKind.CLICK, ActionKind.ACCEPT.value): self.accept,
            (InteractionKind.CLICK, ActionKind.TAKE_BACK.value): self.take_back,
            (InteractionKind.CLICK, ActionKind.WITHDRAW.value): self.withdraw,
            (InteractionKind.CLICK, ActionKind.POST.value): self.post,
            (InteractionKind.CLICK, ActionKind.EDIT.value): self.edit,
            (InteractionKind.SUBMIT, EDITED): self.edited,
            (InteractionKind.CLICK, ActionKind.DISMISS.value): self.dismiss,
        }

    async def accept(self, interaction: Interaction) -> Response:
        return _response(await self._clicks.accept(answer_id=interaction.value, clicked=interaction.event))

    async def take_back(self, interaction: Interaction) -> Response:
        return _response(await self._clicks.take_back(answer_id=interaction.value, clicked=interaction.event))

    async def withdraw(self, interaction: Interaction) -> Response:
        return _response(await self._clicks.withdraw(answer_id=interaction.value, clicked=interaction.event))

    async def post(self, interaction: Interaction) -> Response:
        return _response(await self._clicks.post(answer_id=interaction.value, clicked=interaction.event))

    async def dismiss(self, interaction: Interaction) -> Response:
        return _response(await self._clicks.dismiss(answer_id=interaction.value, clicked=interaction.event))

    async def edit(self, interaction: Interaction) -> Response:
        """The form with the draft's text, for whoever may post it."""
        found = await self._clicks.draft(answer_id=interaction.value, clicked=interaction.event)
        if isinstance(found, Reply):
            return _response(found)
        answer, question = found
        return Response(
            form=Form(
                title="Edit and post",
                name=EDITED,
                value=answer["id"],
                fields=(
                    Field(
                        name="answer",
                        label="Answer for everybody here",
                        kind=FieldKind.TEXT,
                        initial=_MARKER.sub("", answer["text"])[:LONGEST],
                        longest=LONGEST,
                    ),
                ),
                submit="Post",
                note=f"Asked: {question['text'][:500]}\n\nYour words are posted in your name, and learned.",
            )
        )

    async def edited(self, interaction: Interaction) -> Response:
        """What was filled in goes out; unchanged it is the draft itself that goes out."""
        text = str(interaction.fields.get("answer", "")).strip()
        if not text:
            return Response(errors={"answer": "Please write an answer, or close this window."})
        if len(text) > LONGEST:
            return Response(errors={"answer": f"Please keep it below {LONGEST} characters."})
        found = await self._clicks.draft(answer_id=interaction.value, clicked=interaction.event)
        if isinstance(found, Reply):
            return _response(found)
        draft = _MARKER.sub("", found[0]["text"])
        same = text.split() == draft[:LONGEST].split()
        reply = await self._clicks.post(
            answer_id=interaction.value, clicked=interaction.event, text=None if same else text
        )
        return _response(reply)


def _response(reply: Reply) -> Response:
    return (Refusal if reply.refused else Response)(text=reply.text, done=reply.over)
