"""What a look at a chat platform found, one line each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "warning", "failed"]


class Finding(NamedTuple):
    """``remedy`` is "" when there is nothing to mend."""

    name: str
    status: Status
    found: str
    remedy: str = ""
