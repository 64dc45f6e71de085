"""The bot's own page: where it is, what it said and learned lately, what waits; for whoever may see it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from vigilbot.admin.corrections import Corrections
from vigilbot.cards import Action, ActionKind, Panel, Section
from vigilbot.domain import Event, Mode
from vigilbot.interactions.command_channels import pause_words
from vigilbot.interactions.command_trust import doubts
from vigilbot.interactions.joining import Facts
from vigilbot.interactions.linking import Linking, lost_pages
from vigilbot.interactions.modes import Modes
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, pack, stamp
from vigilbot.ports import Clock, Interaction, Response, Row
from vigilbot.roles import Roles

SHOWN = 10  # lines of one part
LATELY = timedelta(days=30)
NOTHING = "Nothing within 30 days."
TITLE = "VigilBot"
_STATES = {
    Mode.LISTEN: "listening",
    Mode.ANALYSTS: "drafts for analysts",
    Mode.EVERYONE: "cards for everyone",
}
_BECAME = {
    "accepted_by_asker": "solved it, says who asked",
    "verified": "verified by an analyst",
    "consistent_by_human": "a human said the same",
    "contradicted": "a human said otherwise",
    "beaten": "a human was first",
    "withdrawn": "withdrawn",
    "ignored": "nobody reacted",
}

_CARDS = (
    "SELECT q.text, c.name, d.sent_at, coalesce(a.outcome, '') AS outcome FROM deliveries d "
    "JOIN answers a ON a.id = d.answer JOIN questions q ON q.id = a.question "
    "JOIN oncalls o ON o.id = d.oncall "
    "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel WHERE o.tenant = :tenant "
    "AND o.channel IN (SELECT value FROM json_each(:channels)) AND o.opened_at >= :since "
    "AND d.sent_at IS NOT NULL AND d.audience = 'everyone' ORDER BY d.sent_at DESC LIMIT :limit"
)
_DRAFTS = (
    "SELECT a.id, a.text AS answer, q.text, c.name FROM deliveries d JOIN answers a ON a.id = d.answer "
    "JOIN questions q ON q.id = a.question JOIN oncalls o ON o.id = d.oncall "
    "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel WHERE o.tenant = :tenant "
    "AND o.channel IN (SELECT value FROM json_each(:channels)) AND o.opened_at >= :since "
    "AND o.state = 'open' AND o.quiet = 0 AND q.state = 'open' AND d.audience = 'analysts' "
    "AND (d.state = 'sent' OR d.state = 'due' AND d.stale_at > :now) "
    "AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.answer = a.id) ORDER BY d.due_at LIMIT :limit"
)
_LEARNED = (
    "SELECT k.entry, k.question, k.answer, k.valid_from, k.space, k.channel FROM knowledge k "
    "WHERE k.tenant = :tenant AND k.valid_to IS NULL AND k.retracted = 0 AND k.valid_from >= :since "
    "AND (k.channel = '' OR k.channel IN (SELECT value FROM json_each(:channels))) "
    "AND (k.space NOT LIKE 'channel:%' OR substr(k.space, 9) IN (SELECT value FROM json_each(:channels))) "
    "ORDER BY k.valid_from DESC LIMIT :limit"
)


class Home:
    """``problems`` are lines for operators on what is wrong with connections and models."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roles: Roles,
        clock: Clock,
        modes: Modes,
        seeing: Seeing,
        facts: Facts,
        problems: Callable[[], Sequence[str]],
        linking: Linking,
        corrections: Corrections,
    ) -> None:
        self._ledger = ledger
        self._roles = roles
        self._clock = clock
        self._modes = modes
        self._seeing = seeing
        self._facts = facts
        self._problems = problems
        self._linking = linking
        self._corrections = corrections

    async def home(self, interaction: Interaction) -> Response:
        """The page as it is now for the person who opened it."""
        event = interaction.event
        about = Section(lines=(self._about(event),))
        if event.user_external or event.is_bot:
            return Response(panel=Panel(title=TITLE, sections=(about,)))
        rows = await self._seeing.channels(event)
        channels = [row["channel"] for row in rows]
        sections = [about, *await self._wrong(event), *await self._owed(event), self._where(rows)]
        if self._roles.is_operator(event) or self._roles.is_analyst(event):
            sections += await self._drafts(event, channels)
            sections += await self._linking.sections(event)
        sections += [await self._cards(event, channels), await self._learned(event, channels)]
        return Response(panel=Panel(title=TITLE, sections=tuple(sections)))

    def _about(self, event: Event) -> str:
        said = (
            "I am an automated assistant. Where I was invited, I look for answers in what people resolved "
            f"before. Write `{self._facts.mention}` and a question to ask me directly, "
            f"`{self._facts.mention} quiet` in a thread to keep me out of it."
        )
        if event.user_external:
            return said
        return f"{said} `{self._facts.command} help` lists what operators and analysts can do."

    async def _wrong(self, event: Event) -> list[Section]:
        if not self._roles.is_operator(event):
            return []
        found = []
        troubles = [
            *self._problems(),
            *await lost_pages(self._ledger, event.tenant, now=self._clock.now()),
            *await doubts(self._ledger, event.tenant, at=self._clock.now(), command=self._facts.command),
        ]
        if troubles:
            found.append(Section(heading="Needs attention", lines=tuple(troubles)))
        if not self._roles.has_operators(event.tenant) or not self._roles.names_analysts(event.tenant):
            offer = Action(kind=ActionKind.ROSTER, label="Set analysts and operators", value="")
            missing = "Nobody is listed as analyst or operator by name yet."
            found.append(Section(heading="Who is who", lines=(missing,), actions=(offer,)))
        return found

    async def _owed(self, event: Event) -> list[Section]:
        """Cards that no longer tell the truth wait for an operator's word."""
        owed = await self._corrections.owed(event.tenant) if self._roles.is_operator(event) else ()
        if not owed:
            return []
        line = (
            f"{counted(len(owed), 'card')} stand on knowledge that was taken back or changed: "
            f"`{self._facts.command} kb corrections` lists them."
        )
        return [Section(heading="Corrections owed", lines=(line,))]

    def _where(self, rows: Sequence[Row]) -> Section:
        facts = [(f"#{literal(row['name'], 80)}", self._state(row)) for row in rows if row["member"]]
        more = (f"and {len(facts) - 2 * SHOWN} more",) if len(facts) > 2 * SHOWN else ()
        lines = more if facts else ("None that you can see.",)
        return Section(heading="Channels", facts=tuple(facts[: 2 * SHOWN]), lines=lines)

    def _recent(self) -> str:
        return stamp(self._clock.now() - LATELY)

    def _state(self, row: Row) -> str:
        if row["archived"]:
            return "archived"
        if not row["watched"]:
            return "not watched"
        mode = self._modes.of(row)
        parts = (_STATES[mode], pause_words(row, self._clock.now()))
        return " · ".join(part for part in parts if part)

    async def _drafts(self, event: Event, channels: Collection[str]) -> list[Section]:
        rows = await self._ledger.fetch(
            _DRAFTS,
            tenant=event.tenant,
            channels=pack(list(channels)),
            since=self._recent(),
            now=stamp(self._clock.now()),
            limit=SHOWN // 2,
        )
        decides = self._roles.is_analyst(event)
        return [_draft(row, first=not n, decides=decides) for n, row in enumerate(rows)]

    async def _cards(self, event: Event, channels: Collection[str]) -> Section:
        rows = await self._ledger.fetch(
            _CARDS,
            tenant=event.tenant,
            channels=pack(list(channels)),
            since=self._recent(),
            limit=SHOWN,
        )
        lines = [
            f"#{literal(row['name'], 80)}: {literal(row['text'], 160)} — "
            f"{_BECAME.get(row['outcome'], 'nobody reacted yet')} ({day_and_time(moment(row['sent_at']))})"
            for row in rows
        ]
        return Section(heading="Last cards", lines=tuple(lines) or (NOTHING,))

    async def _learned(self, event: Event, channels: Collection[str]) -> Section:
        rows = await self._ledger.fetch(
            _LEARNED,
            tenant=event.tenant,
            channels=pack(list(channels)),
            since=self._recent(),
            limit=SHOWN,
        )
        lines = [f"**{literal(row['question'], 160)}** → {literal(row['answer'], 240)}" for row in rows]
        return Section(heading="Learned lately", lines=tuple(lines) or (NOTHING,))


def _draft(row: Row, *, first: bool, decides: bool) -> Section:
    """A draft as it was shown in the channel, where it is gone when its reader starts the client anew."""
    labels = ((ActionKind.POST, "Post"), (ActionKind.EDIT, "Edit and post"), (ActionKind.DISMISS, "Dismiss"))
    actions = tuple(
        Action(kind=kind, label=label, value=row["id"], primary=kind is ActionKind.POST)
        for kind, label in labels
    )
    asked, answer = literal(row["text"], 160), literal(row["answer"], 600)
    return Section(
        heading="Drafts that wait for an analyst" if first else "",
        lines=(f"#{literal(row['name'], 80)}: **{asked}** → {answer}",),
        actions=actions if decides else (),
    )
