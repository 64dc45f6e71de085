""" "Share with other customers": an analyst reads the redacted text, mends it, and it becomes everybody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from vigilbot.cards import ActionKind, Field, FieldKind, Form
from vigilbot.clicks import OLD_CARD, Clicks
from vigilbot.domain import Event, KnowledgeEntry, Role
from vigilbot.errors import BadInput
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.seeing import Seeing
from vigilbot.knowledge.spaces import Spaces, Words
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger
from vigilbot.ports import Interaction, InteractionKind, Response
from vigilbot.roles import Roles
from vigilbot.text import links

Handler = Callable[[Interaction], Awaitable[Response]]
Taught = Callable[[str, Sequence[str]], Awaitable[None]]

FORM = "share_knowledge"
"""The form with the text that everybody will read; its value is ``answer:`` or ``entry:`` and an id."""
LONGEST_QUESTION, LONGEST_ANSWER = 1000, 3000
_REFUSED = "Only analysts of our own company can share knowledge with other customers."
_NOTHING = "Everybody may be told this already, or it is not in force any more."
_NOTE = (
    "This is what **all customers** may read from now on. Names, secrets and personal data of the "
    "conversation were taken out as far as I know them: read it, and take out whatever else says whose it "
    "was. Nobody sees where it comes from."
)


class Sharing:
    """``taught`` is told what other channels may be answered with now."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spaces: Spaces,
        roles: Roles,
        seeing: Seeing,
        clicks: Clicks,
        taught: Taught,
    ) -> None:
        self._ledger = ledger
        self._spaces = spaces
        self._roles = roles
        self._seeing = seeing
        self._clicks = clicks
        self._taught = taught

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {
            (InteractionKind.CLICK, ActionKind.SHARE.value): self.clicked,
            (InteractionKind.SUBMIT, FORM): self.submitted,
        }

    async def clicked(self, interaction: Interaction) -> Response:
        """The form for what the card's answer rests on. The value is the answer's id."""
        value = f"answer:{interaction.value}"
        found = await self._meant(interaction.event, value)
        if isinstance(found, str):
            return _said(found)
        return Response(form=await self.form(found, tenant=interaction.event.tenant, value=value))

    async def form(self, entry: KnowledgeEntry, *, tenant: str, value: str = "", note: str = "") -> Form:
        """``value`` says how the entry was come by; without one it is the entry itself."""
        words = await self._spaces.redacted(entry, tenant=tenant)
        return Form(
            title="Share with customers",
            name=FORM,
            value=value or f"entry:{entry.id}",
            fields=(
                _text("question", "Question", words.question, LONGEST_QUESTION),
                _text("answer", "Answer", words.answer, LONGEST_ANSWER),
                _text("precondition", "Only if", words.precondition, 500, optional=True),
                _text(
                    "links",
                    "Links that may be opened, one a line",
                    "\n".join(words.links),
                    2000,
                    optional=True,
                ),
            ),
            submit="Share",
            note=f"{note} {_NOTE}".strip(),
        )

    async def submitted(self, interaction: Interaction) -> Response:
        event = interaction.event
        found = await self._meant(event, interaction.value)
        if isinstance(found, str):
            return _said(found)
        given = {
            name: str(interaction.fields.get(name, "")).strip()
            for name in ("question", "answer", "precondition", "links")
        }
        errors = {name: f"Please write the {name}." for name in ("question", "answer") if not given[name]}
        urls = tuple(dict.fromkeys(links(given["links"])))
        if given["links"] and len(given["links"].split()) != len(urls):
            errors["links"] = "Please give http or https addresses, one a line, each once."
        if errors:
            return Response(errors=errors)
        words = Words(
            question=given["question"],
            answer=given["answer"],
            precondition=given["precondition"],
            links=urls,
        )
        try:
            shared = await self._spaces.share(
                found, words, tenant=event.tenant, actor=event.user, reason="shared by an analyst"
            )
        except BadInput:
            return Response(text=_NOTHING)
        await self._taught(event.tenant, [shared.entry])
        if not shared.new:
            return Response(text=f"Everybody could be told that already, as `{shared.entry}`.")
        return Response(
            text=f"Shared with all customers as `{shared.entry}`. It answers everywhere from now on; "
            f"`kb undo {shared.entry}` takes it back."
        )

    async def _meant(self, event: Event, value: str) -> KnowledgeEntry | str:
        """The entry that this person may share, else why not."""
        kind, _, name = value.partition(":")
        if event.user_external or event.is_bot:
            return _REFUSED
        if kind == "entry":
            return await self._entry(event, name)
        found = await self._clicks.clicker(answer_id=name, clicked=event)
        if found is None:
            return OLD_CARD.text
        answer, role = found
        if role is not Role.ANALYST:
            return _REFUSED
        return await self._spaces.shareable(list(leaned_on(answer))) or _NOTHING

    async def _entry(self, event: Event, name: str) -> KnowledgeEntry | str:
        if not self._roles.is_analyst(event):
            return _REFUSED
        row = await self._ledger.entries.entry(name)
        if row is None or row["tenant"] != event.tenant:
            return _NOTHING
        here = bool(event.channel) and row["channel"] == event.channel
        if not here and not await self._seeing.entry(
            event, tenant=row["tenant"], space=row["space"], channel=row["channel"]
        ):
            return _NOTHING
        return await self._spaces.shareable([name]) or _NOTHING


def _said(why: str) -> Response:
    """Why it cannot be shared: not by this person, or not at all."""
    return (Refusal if why in (_REFUSED, OLD_CARD.text) else Response)(text=why)


def _text(name: str, label: str, initial: str, longest: int, *, optional: bool = False) -> Field:
    return Field(
        name=name,
        label=label,
        kind=FieldKind.TEXT,
        initial=initial[:longest],
        optional=optional,
        longest=longest,
    )
