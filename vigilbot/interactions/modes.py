"""How far the bot may go in a channel: who may choose it, and what the choice means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vigilbot.admin import audit
from vigilbot.domain import Event, Mode
from vigilbot.errors import BadInput
from vigilbot.interactions.wording import literal
from vigilbot.ledger import Channels, Ledger
from vigilbot.ports import Clock, Row
from vigilbot.roles import Roles

MEANING: Mapping[Mode, str] = MappingProxyType(
    {
        Mode.LISTEN: "I learn and score myself, and post nothing.",
        Mode.ANALYSTS: "I show what I would answer to the analysts alone; they post, edit or dismiss it.",
        Mode.EVERYONE: "I post cards that everybody in the channel can read and the asker can accept.",
    }
)
CHOSEN = "mode"  # in the audit table


def shared(channel: Row, event: Event) -> bool:
    """Whether another company is in the channel, by what is known now or was known before."""
    return bool(channel["external"]) or (event.channel == channel["channel"] and event.channel_external)


class Modes:
    """``mode_of`` gives the mode of a channel's row, default included."""

    def __init__(self, *, ledger: Ledger, roles: Roles, clock: Clock, mode_of: Callable[[Row], Mode]) -> None:
        self._ledger = ledger
        self._roles = roles
        self._clock = clock
        self.of = mode_of

    def check(self, event: Event, channel: Row, mode: Mode) -> None:
        """Raises BadInput, with the reason, for who may not choose this here."""
        if self._roles.is_operator(event):
            return
        if not self._roles.is_analyst(event):
            raise BadInput("Only an analyst or an operator can choose the mode")
        if mode is Mode.EVERYONE and shared(channel, event):
            raise BadInput(
                "Another company is in this channel, so only an operator can let everyone see my cards"
            )

    async def choose(self, event: Event, channel: Row, mode: Mode, *, shown: str = "") -> None:
        """Durable when it returns. ``shown``: the id of a notice that the caller brings up to date itself."""
        self.check(event, channel, mode)
        now = self._clock.now()
        tenant, name = channel["tenant"], channel["channel"]
        kind = " in a shared channel" if shared(channel, event) else ""
        who = literal(event.user_name or event.user, 60)
        await self._ledger.write(
            Channels.change(tenant, name, mode=mode.value),
            audit(
                tenant=tenant,
                at=now,
                actor=event.user,
                action=CHOSEN,
                subject=name,
                detail=f"{mode.value}{kind}, chosen by {who}",
            ),
            Channels.outdate_greeting(tenant, name, at=now, but=shown),
        )
