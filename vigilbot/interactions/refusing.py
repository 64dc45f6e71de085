"""What somebody may not do is not done, and noted in the audit table: who, what, where, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vigilbot.admin import audit
from vigilbot.domain import Event
from vigilbot.ports import Response, Statement
from vigilbot.text import clean

REFUSED = "refused"  # in the audit table
_LONGEST = 200  # characters of what was clicked on, which anybody may have made


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal(Response):
    """The answer to somebody who may not. Whoever gives it writes ``refused`` first."""


def refused(event: Event, what: str, detail: str, *, at: datetime) -> Statement:
    return audit(
        tenant=event.tenant,
        at=at,
        actor=event.user,
        action=REFUSED,
        subject=clean(what[:_LONGEST]),
        detail=f"{event.channel} {clean(detail[:_LONGEST])}".strip(),
    )
