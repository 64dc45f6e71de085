"""What is said to the bot itself: words that command it in a thread, and questions.

Every request ends with a reply: a card, or the reason why there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vigilbot.bot import Bot
from vigilbot.cards import Action, ActionKind, Notice, Panel, Section
from vigilbot.commands import spoken_command
from vigilbot.domain import Decision, Dialogue, Event, Message, Mode, Result, Role
from vigilbot.errors import EngineError, LedgerError, PlatformError, PlatformRefused
from vigilbot.interactions.refusing import refused
from vigilbot.interactions.why import Why
from vigilbot.interactions.wording import literal, panel_text
from vigilbot.ledger import Ledger, Requests, Runs
from vigilbot.ledger.requests import ASKED
from vigilbot.ledger.rows import moment, optional_moment, unpack_event
from vigilbot.logs import cause
from vigilbot.oncalls import message_id
from vigilbot.pipeline import Judged, Trace
from vigilbot.ports import Clock, Interaction, InteractionKind, Platform, Response, Row
from vigilbot.record import acts_in, run_id, sent_cards, sources_of
from vigilbot.roles import Roles
from vigilbot.usage import meter, metered

Handler = Callable[[Interaction], Awaitable[Response]]

log = logging.getLogger("vigilbot")

SHORTCUT = "ask_vigilbot"
TRIES = 5
SEND_TRIES = 10  # a platform that is too busy asks for patience, up to minutes of it
LONGEST_WAIT = timedelta(minutes=2)
_HELP = (
    "In a thread, say one word to me: `quiet` (anyone), `close`, `resume`, `reopen`, `why` (analysts). "
    "Or ask me a question, and I answer it or say why I cannot."
)
_WHO = "I am an automated assistant. I look for answers in what people resolved before. "
_DONE = {
    "close": "Closed. If something was resolved here, I learn it now.",
    "quiet": "I will be quiet here. An analyst can say `resume` to me.",
    "resume": "I am listening and answering here again.",
    "reopen": "Open again.",
}
_CAME_OF = {
    Result.ABSTAINED: "I had no answer to the last question here",
    Result.DUPLICATE: "I did not answer the last question here again",
    Result.ANSWERED_BY_HUMAN: "A human came before me with the last question here",
    Result.HELD: "I kept my answer to the last question here back",
    Result.STALE: "I came too late for the last question here",
}
_SO_ALREADY = {
    "close": "It was closed already.",
    "resume": "I was not quiet here.",
    "reopen": "It was not closed.",
}


class Asking:
    """Due requests, and the shortcut "Ask VigilBot"."""

    def __init__(self, *, bot: Bot, platform: Platform, roles: Roles, why: Why, clock: Clock) -> None:
        self._bot = bot
        self._ledger: Ledger = bot.ledger
        self._platform = platform
        self._roles = roles
        self._why = why
        self._clock = clock

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {(InteractionKind.SHORTCUT, SHORTCUT): self.shortcut}

    # -- requests

    async def work(self) -> int:
        """One pass over the requests due now; returns how many."""
        rows = await self._ledger.requests.due(now=self._clock.now())
        for row in rows:
            try:
                await self._one(row, unpack_event(row["body"]))
            except LedgerError:
                raise
            except Exception as error:  # one request that cannot be answered must not stop all others
                await self._failed(row, error)
        return len(rows)

    async def _one(self, row: Row, event: Event) -> None:
        word = spoken_command(event.text)
        notice: tuple[Notice, bool] | None
        if word:
            notice = await self._commanded(event, word)
        else:
            notice = await self._question(row, event)
        if notice is not None:
            await self._reply(row, event, *notice)

    async def _reply(self, row: Row, event: Event, notice: Notice, private: bool) -> None:
        ts = await self._platform.notify(
            tenant=event.tenant,
            channel=event.channel,
            thread=event.thread,
            notice=notice,
            key=f"request:{row['id']}",
            reader=event.user if private else "",
            since=event.at,
        )
        await self._ledger.write(Requests.replied(row["id"], ts=ts))

    async def _failed(self, row: Row, error: Exception) -> None:
        """Tried again a few times; then whoever asked is told, if that is possible at all."""
        expected = isinstance(error, EngineError | PlatformError)
        tries = row["attempts"] + 1
        log.warning("request %s failed (try %d): %s", row["id"], tries, cause(error), exc_info=not expected)
        most = SEND_TRIES if isinstance(error, PlatformError) else TRIES
        if tries < most and not isinstance(error, PlatformRefused):
            due = self._clock.now() + min(timedelta(seconds=2**tries), LONGEST_WAIT)
            await self._ledger.write(Requests.later(row["id"], due=due, failed=str(error)))
            return
        await self._ledger.write(Requests.given_up(row["id"], error=str(error)))
        if isinstance(error, PlatformError):
            return
        event = unpack_event(row["body"])
        try:
            await self._platform.notify(
                tenant=event.tenant,
                channel=event.channel,
                thread=event.thread,
                notice=Notice(text="I could not work on this now. Please ask again later, or ask a human."),
                key=f"request:{row['id']}:given up",
            )
        except PlatformError as second:
            log.warning("request %s: nobody could be told: %s", row["id"], second)

    # -- commands

    async def _commanded(self, event: Event, word: str) -> tuple[Notice, bool]:
        """The reply, and whether only the person who said it sees it."""
        if word == "help":
            return Notice(text=_WHO + _HELP), True
        oncall = await self._bot.oncall_of(event)
        if oncall is None:
            return Notice(text="There is no on-call here that I know of. " + _HELP), True
        if word == "why":
            return await self._tell(event, oncall), True
        role = self._roles.of(event, thread_author=oncall["customer"]).role
        helper = role is Role.ANALYST or self._roles.is_operator(event)
        changes = await self._bot.command(oncall["id"], word, helper=helper)
        if changes is None:
            await self._ledger.write(refused(event, f"said {word}", oncall["id"], at=self._clock.now()))
            return Notice(text=f"Only analysts and operators can say `{word}`. Anyone can say `quiet`."), True
        if not changes:
            return Notice(text=_SO_ALREADY[word]), True
        return Notice(text=_DONE[word]), False

    async def _tell(self, event: Event, oncall: Row) -> Notice:
        if not self._why.may_read(event, asker=oncall["customer"]):
            await self._ledger.write(refused(event, "said why", oncall["id"], at=self._clock.now()))
            return Notice(text="Only analysts and operators can see how an answer came about.")
        answers = await self._ledger.runs.answers(oncall["id"])
        if not answers:
            panel = await self._why.of(event, oncall)
            return Notice(text=panel_text(panel))
        last = answers[-1]
        what = _CAME_OF.get(last["result"], f"My last answer here: {last['result'].replace('_', ' ')}")
        text = f"{what} ({literal(last['reason'], 300)})."
        return Notice(
            text=text, actions=(Action(kind=ActionKind.WHY, label="Show the trace", value=last["id"]),)
        )

    # -- questions

    async def _question(self, row: Row, event: Event) -> tuple[Notice, bool] | None:
        """The reply; None where a card is the reply, or is still on its way."""
        channel = await self._ledger.chats.channel(event.tenant, event.channel)
        refused = _refused(channel, self._clock.now())
        message = await self._ledger.chats.message(row["id"])
        if refused or channel is None or message is None:
            return Notice(text=refused or "I no longer have your message."), True
        if self._bot.mode(channel) is Mode.LISTEN:
            return Notice(text="In this channel I only listen and learn (mode `listen`)."), True
        key = run_id(ASKED, [row["id"]])
        if await self._ledger.runs.run(key) is None:
            oncall = await self._ledger.chats.oncall_row(message["oncall"])
            asked = await self._meant(event, message)
            if oncall is None or not asked:
                return Notice(text="What would you like to know? " + _HELP), True
            await self._ask(key, oncall, asked, since=event.at)
            await self._bot.deliver()
        return await self._outcome(row, event, channel, key)

    async def _meant(self, event: Event, message: Row) -> Sequence[Message]:
        """The message with its own words; where it has none, what a customer asked last before it."""
        [own] = await self._ledger.chats.messages_by_id([message["id"]])
        if event.text.strip():
            return [replace(own, text=event.text)]
        known = await self._ledger.chats.dialogue(message["oncall"])
        earlier = [m for m in known.messages if m.role is Role.CUSTOMER and m.at < own.at and m.id != own.id]
        return [m for m in earlier if m.author == earlier[-1].author][-3:]

    async def _ask(self, key: str, oncall: Row, asked: Sequence[Message], *, since: datetime) -> None:
        """The run, recorded like any: whatever the on-call's gate says, at once. Raises EngineError."""
        now = self._clock.now()
        meant = {m.id: replace(m, role=Role.CUSTOMER) for m in asked}
        known = await self._ledger.chats.dialogue(oncall["id"])
        dialogue = Dialogue(messages=tuple(meant.get(m.id, m) for m in known.messages))
        newest = [m for m in dialogue.messages if m.id in meant]
        if not newest:  # deleted a moment ago
            return
        channel = await self._bot.channel(oncall)
        with metered(self._bot.calls_per_run):
            try:
                trace = await self._trace(dialogue, newest, oncall, channel)
                late = now - since > self._bot.stale
                statements = await self._bot.record(
                    key,
                    oncall,
                    trace,
                    triggers=newest,
                    now=now,
                    purpose=ASKED,
                    too_late="asked too long ago (cards.stale)" if late else "",
                )
                seen = {m.id: m.version for m in newest}
                await self._ledger.write(*statements, *Runs.cover(seen, run=key, oncall=oncall["id"]))
            finally:
                if fresh := Runs.put_calls(meter().fresh(), oncall=oncall):
                    await self._ledger.write(*fresh)

    async def _trace(self, dialogue: Dialogue, newest: Sequence[Message], oncall: Row, channel: Row) -> Trace:
        """By its own words first: in a busy thread it may be about something else than the rest of it."""
        sent = await sent_cards(self._ledger, oncall["id"])

        async def judged(known: Dialogue) -> Trace:
            return await self._bot.pipeline.run(
                known,
                newest,
                scope=self._bot.scope(channel),
                place=self._bot.place(channel),
                sent=sent,
                direct=True,
            )

        alone = Dialogue(messages=tuple(newest))
        trace = await judged(alone)
        if alone == dialogue or any(not each.answer.refused for each in trace.judged):
            return replace(trace, through=dialogue.messages[-1].at)
        return await judged(dialogue)

    async def _outcome(self, row: Row, event: Event, channel: Row, key: str) -> tuple[Notice, bool] | None:
        """What became of a request's run: a card is the reply, everything else has a reason."""
        cards = await self._ledger.requests.deliveries(key)
        for card in cards:
            if card["state"] == "sent" and card["audience"] == Decision.EVERYONE:
                await self._ledger.write(Requests.replied(row["id"], ts=card["ts"]))
                return None
        for card in cards:
            if card["audience"] == Decision.ANALYSTS and card["state"] in ("due", "sent"):
                analyst = self._roles.is_analyst(event)
                text = (
                    "I have a suggestion; the draft is shown to the analysts here, you among them."
                    if analyst
                    else "I have a suggestion, which an analyst here has to look at first."
                )
                return Notice(text=text), True
            if card["state"] == "due":
                later = max(moment(card["due_at"]), self._clock.now()) + timedelta(seconds=1)
                await self._ledger.write(Requests.later(row["id"], due=later))
                return None
        if cards:
            return Notice(text=_overtaken(cards[-1])), False
        answers = await self._ledger.requests.answers(key)
        run = await self._ledger.runs.run(key)
        if run is None:
            return Notice(text="Your message is gone, so there is nothing to answer."), True
        if not answers:
            if run["scope"] == "out":
                return Notice(text="That is outside of what I answer here. Please ask a human."), False
            return Notice(text="I found no question in this. " + _HELP), True
        return Notice(text=await self._reason(answers[-1], channel)), False

    async def _reason(self, answer: Row, channel: Row) -> str:
        """Why there is no card, for whoever asked."""
        result = answer["result"]
        if result == Result.ABSTAINED:
            return "I know of nothing that answers this. Once a human has, I will."
        if result in (Result.DUPLICATE, Result.ANSWERED_BY_HUMAN):
            return "This has been answered here already; please read above."
        if result == Result.STALE:
            return "I was away when you asked this. Please ask again if it still matters."
        paused = optional_moment(channel["paused_until"])
        if paused is not None and paused > self._clock.now():
            return f"An operator has asked me to pause here until {paused:%Y-%m-%d %H:%M} UTC."
        oncall = await self._ledger.chats.oncall_row(answer["oncall"])
        if oncall is not None and oncall["quiet"]:
            return "Somebody has asked me to be quiet here. An analyst can say `resume` to me."
        return f"I am not sure enough to answer this ({literal(answer['reason'])}). A human should."

    # -- "Ask VigilBot"

    async def shortcut(self, interaction: Interaction) -> Response:
        """A private answer to a chosen message: nothing is posted, recorded or learned."""
        event = interaction.event
        channel = await self._ledger.chats.channel(event.tenant, event.channel)
        if channel is None or not acts_in(channel):
            return Response(text="I am not in this channel, or was told to leave it alone.")
        ident = message_id(event.tenant, event.channel, event.ts)
        row = await self._ledger.chats.message(ident)
        known = await self._ledger.chats.dialogue(row["oncall"]) if row else Dialogue(messages=())
        chosen = next((m for m in known.messages if m.id == ident), None)
        text = chosen.text if chosen else interaction.text
        if not text.strip():
            return Response(text="There are no words in this message that I could work with.")
        chosen = replace(chosen or _alone(event, ident), text=text, role=Role.CUSTOMER)
        earlier = [m for m in known.messages if m.id != ident and (m.at, m.ts) < (chosen.at, chosen.ts)]
        with metered(self._bot.calls_per_run):
            try:
                judged = await self._bot.pipeline.rank(
                    Dialogue(messages=(*earlier, chosen)), [chosen], place=self._bot.place(channel)
                )
            except EngineError as error:
                log.warning("a private question in %s failed: %s", event.channel, cause(error))
                return Response(text="I could not work on this now. Please try again later.")
            finally:
                spent = {"tenant": event.tenant, "channel": event.channel, "id": row["oncall"] if row else ""}
                if fresh := Runs.put_calls(meter().fresh(), oncall=spent):
                    await self._ledger.write(*fresh)
        if judged is None or judged.answer.refused:
            return Response(text="I know of nothing that answers this.")
        return Response(panel=await self._panel(judged, channel, guest=event.user_external))

    async def _panel(self, judged: Judged, channel: Row, *, guest: bool) -> Panel:
        answer = judged.answer
        citations = [source for p in answer.passages for source in sources_of(p.entry)[:1]]
        leaned = {p.entry.id: p.entry.revision for p in answer.passages}
        told = await self._bot.delivery.showing.told(
            answer.text, citations, leaned, channel=channel, guest=guest
        )
        sure = answer.confidence >= judged.enough
        note = "" if sure else "I am not sure of this: I would not have said it by myself."
        lines = tuple(
            f"[{number}] {literal(c.title)} {c.url}".rstrip()
            for number, c in enumerate(told.citations, start=1)
        )
        sections = [Section(lines=(f"> {literal(judged.question.text, 300)}", told.text))]
        if lines:
            sections.append(Section(heading="Sources", lines=lines))
        closing = "Only you see this. Nothing was posted."
        sections.append(Section(lines=tuple(line for line in (note, closing) if line)))
        return Panel(title="Automated answer", sections=tuple(sections))


def _refused(channel: Row | None, now: datetime) -> str:
    """Why nothing is answered in a channel at all; "" when it is."""
    if channel is None or not channel["watched"]:
        return "I was told to leave this channel alone, so I have read nothing here."
    paused = optional_moment(channel["paused_until"])
    if paused is not None and paused > now:
        return f"An operator has asked me to pause here until {paused:%Y-%m-%d %H:%M} UTC."
    return "" if acts_in(channel) else "I do not act in this channel any more."


def _overtaken(card: Row) -> str:
    """Why a card that was to be the reply did not go out."""
    if card["state"] == "beaten_by_human":
        return "A human has answered this meanwhile."
    if card["state"] == "withdrawn":
        return "My answer was withdrawn by an analyst."
    if card["last_error"] == "stale":
        return "My answer came too late to be of use. Please ask again if it still matters."
    return f"I have kept my answer back: {literal(card['last_error'])}."


def _alone(event: Event, ident: str) -> Message:
    """A message the bot has not read, as far as the click tells."""
    return Message(
        id=ident,
        ts=event.ts,
        at=event.at,
        role=Role.CUSTOMER,
        author=event.user,
        text="",
        thread=event.thread,
    )
