"""The bot comes into a channel: it says what it does there, and people choose how far it may go.

One notice a channel. It is a picture of the ledger: when mode or roster change, ``work`` amends it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from vigilbot.admin import audit
from vigilbot.cards import Action, ActionKind, Notice
from vigilbot.domain import Mode
from vigilbot.errors import BadInput, LedgerError, PlatformError, PlatformRefused
from vigilbot.interactions.modes import CHOSEN, MEANING, Modes
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.wording import counted, day_and_time
from vigilbot.ledger import Channels, Ledger
from vigilbot.ledger.channels import GREETED
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ports import Clock, Interaction, Platform, Response, Row
from vigilbot.roles import Roles

log = logging.getLogger("vigilbot")

TRIES = 8
AGAIN = timedelta(days=1)  # within which a second invitation gets no second greeting
REFUSED = "greeting refused"  # in the audit table
LABELS = ((Mode.LISTEN, "Listen only"), (Mode.ANALYSTS, "Analysts first"), (Mode.EVERYONE, "Everyone"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the bot tells of itself. ``models`` are language models in order; () when none is used."""

    command: str
    mention: str = "@vigilbot"
    models: tuple[str, ...] = ()
    redact: bool = True
    leaving: str = ""  # what is fetched from the web, as a sentence


class Joining:
    """Greets in channels where a greeting is due, and takes the clicks on its notice."""

    def __init__(
        self, *, ledger: Ledger, roles: Roles, platform: Platform, clock: Clock, modes: Modes, facts: Facts
    ) -> None:
        self._ledger = ledger
        self._roles = roles
        self._platform = platform
        self._clock = clock
        self._modes = modes
        self._facts = facts

    # -- work

    async def work(self) -> int:
        """Greetings that are due, and notices that no longer say the truth; returns how many."""
        rows = await self._ledger.channels.greetings(now=self._clock.now())
        for result in await asyncio.gather(*(self._one(row) for row in rows), return_exceptions=True):
            if result is not None:
                raise result
        return len(rows)

    async def _one(self, row: Row) -> None:
        try:
            await (self._greet(row) if row["greeting"] == "due" else self._amend(row))
        except LedgerError:
            raise
        except Exception as error:  # one channel that cannot be greeted must not stop all others
            await self._failed(row, error)

    async def _greet(self, row: Row) -> None:
        tenant, channel = row["tenant"], row["channel"]
        before = await self._ledger.channels.audited(tenant, GREETED, channel)
        now = self._clock.now()
        back = bool(before) and bool(row["greeting_ts"]) and now - moment(before[0]["at"]) < AGAIN
        notice = Notice(text=self._back(row)) if back else await self.notice(row)
        ts = await self._platform.notify(
            tenant=tenant,
            channel=channel,
            thread="",
            notice=notice,
            key=f"greeting:{tenant}:{channel}:{before[0]['id'] if before else 0}",
        )
        done = {"greeting": "sent", "greeting_tries": 0, "greeting_due": None}
        kept = row["greeting_ts"] if back else ts
        await self._ledger.write(
            Channels.change(tenant, channel, **done, greeting_ts=kept),
            audit(tenant=tenant, at=now, actor="vigilbot", action=GREETED, subject=channel, detail=ts),
        )

    async def _amend(self, row: Row) -> None:
        tenant, channel = row["tenant"], row["channel"]
        notice = await self.notice(row)
        await self._platform.amend(tenant=tenant, channel=channel, ts=row["greeting_ts"], notice=notice)
        fresh = await self._ledger.chats.channel(tenant, channel)
        if fresh is not None and fresh["greeting_due"] == row["greeting_due"]:  # else it changed once more
            await self._ledger.write(Channels.change(tenant, channel, greeting="sent", greeting_due=None))

    async def _failed(self, row: Row, error: Exception) -> None:
        """Another try later; a refusal, and the last try, are for an operator to see."""
        tenant, channel, tries = row["tenant"], row["channel"], row["greeting_tries"] + 1
        refused = isinstance(error, PlatformRefused) or tries >= TRIES
        log.warning("the notice in %s was not posted (try %d): %r", channel, tries, error)
        now = self._clock.now()
        if not refused:
            asked = error.retry_after if isinstance(error, PlatformError) else 0.0
            due = stamp(now + timedelta(seconds=max(5 * 2**tries, asked)))
            await self._ledger.write(Channels.change(tenant, channel, greeting_tries=tries, greeting_due=due))
            return
        if row["greeting"] == "stale":  # a notice that is gone from the channel is no matter
            await self._ledger.write(Channels.change(tenant, channel, greeting="sent", greeting_due=None))
            return
        why = str(error)[:500]
        await self._ledger.write(
            Channels.change(tenant, channel, greeting="refused", greeting_tries=tries, greeting_due=None),
            audit(tenant=tenant, at=now, actor="vigilbot", action=REFUSED, subject=channel, detail=why),
        )

    # -- what it says

    async def notice(self, row: Row) -> Notice:
        """The notice of a channel as it should read now."""
        mode = self._modes.of(row)
        parts = [
            "**I am VigilBot, an automated assistant for support questions.** When somebody asks here, I "
            "look for the answer in what people resolved before. My cards are marked as automated and name "
            "their sources.",
            "**What I read:** messages in this channel from now on, with their edits and reactions, and the "
            "names and profile titles of who writes them.",
            f"**What I learn:** what analysts answered, never what I said myself. {_reach(row)}",
            f"**Where it goes:** {self._sent()}",
            f"**How far I go here ({mode.value}):** {MEANING[mode]}{await self._chosen(row)}",
            f"**Who counts as an analyst:** {await self._analysts(row)}",
            f"**How to stop me:** anyone can write `{self._facts.mention} quiet` in a thread. Here, choose "
            f"“Listen only”. An operator can type `{self._facts.command} pause` or "
            f"`{self._facts.command} unwatch`. Or remove me from the channel.",
        ]
        asks = self._missing(row["tenant"])
        if asks:
            parts.append(f"**Still to be set:** {asks}")
        return Notice(text="\n\n".join(parts), actions=(*_buttons(row, mode), *self._offer(row, asks)))

    def _back(self, row: Row) -> str:
        return (
            f"I am back in this channel, in mode {self._modes.of(row).value}. What I read and learn, and how "
            "to stop me, is in what I wrote when I first came."
        )

    def _sent(self) -> str:
        fetched = f" {self._facts.leaving}" if self._facts.leaving else ""
        if not self._facts.models:
            none = "nothing of it" if fetched else "nothing"
            return f"{none} leaves the machine I run on; no language model is used.{fetched}"
        first, *others = self._facts.models
        also = f" (when it is away: {', '.join(others)})" if others else ""
        redacted = (
            " Secrets, e-mail addresses, telephone and card numbers are taken out first."
            if self._facts.redact
            else ""
        )
        return (
            f"a question, with the conversation around it, is sent to the language model {first}{also}."
            f"{redacted}{fetched}"
        )

    async def _chosen(self, row: Row) -> str:
        rows = await self._ledger.channels.audited(row["tenant"], CHOSEN, row["channel"])
        if not rows or not row["mode"]:
            return ""
        who = rows[0]["detail"].rpartition("chosen by ")[2]
        return f" (chosen by {who}, {day_and_time(moment(rows[0]['at']))})"

    async def _analysts(self, row: Row) -> str:
        rules = "; ".join(self._roles.rules(row["tenant"])) or "nobody yet"
        seen = await self._ledger.channels.analysts_seen(row["tenant"], row["channel"])
        wrote = counted(seen, "of them has", "of them have") if seen else "None of them has"
        return f"{rules}. {wrote} written here so far."

    def _missing(self, tenant: str) -> str:
        missing = []
        if not self._roles.names_analysts(tenant):
            missing.append("Nobody is listed as an analyst by name or group.")
        if not self._roles.has_operators(tenant):
            missing.append("Nobody is an operator; until somebody is, the workspace's owners and admins are.")
        return " ".join(missing)

    def _offer(self, row: Row, asks: str) -> tuple[Action, ...]:
        if not asks:
            return ()
        return (Action(kind=ActionKind.ROSTER, label="Set analysts and operators", value=row["channel"]),)

    # -- clicks

    async def mode(self, interaction: Interaction) -> Response:
        """A click on one of the three modes."""
        event = interaction.event
        channel, _, wanted = interaction.value.rpartition("/")
        row = await self._ledger.chats.channel(event.tenant, channel)
        if row is None or channel != event.channel or wanted not in set(Mode):
            return Refusal(text="This button is from another installation or an older version.")
        try:
            await self._modes.choose(event, row, Mode(wanted), shown=event.ts)
        except BadInput as error:
            return Refusal(text=f"{error.problem}.")
        fresh = await self._ledger.chats.channel(event.tenant, channel)
        return Response(notice=await self.notice(fresh or row))


def _reach(row: Row) -> str:
    if row["space"] == f"channel:{row['channel']}":
        return "What I learn here stays in this channel."
    return "Knowledge from here may serve in the other channels that share it."


def _buttons(row: Row, now: Mode) -> tuple[Action, ...]:
    found = []
    for mode, label in LABELS:
        everybody = mode is Mode.EVERYONE and row["external"] and mode is not now
        found.append(
            Action(
                kind=ActionKind.MODE,
                label=f"✓ {label}" if mode is now else label,
                value=f"{row['channel']}/{mode.value}",
                primary=mode is now,
                confirm="Another company will see my cards too. Shall everyone?" if everybody else "",
            )
        )
    return tuple(found)
