"""Pages of a history as files: what was read stays read when the reading is broken off."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from vigilbot.errors import BadInput

Phase = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far something is: its title and total, then steps."""

FRESH: Final = timedelta(days=1)  # so long a finished reading is used again
MOST_DAYS: Final = 3650
TRIES: Final = 5
AGAIN: Final = "What was read is kept: the same command goes on from there"


def check_days(days: int) -> None:
    """Raises BadInput."""
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"--days {days}", remedy=f"Give a number of days, 1 to {MOST_DAYS}")


def loaded(path: Path) -> Mapping[str, Any]:
    """A file's object; empty when there is none, or it broke off: it is read again then."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def save(path: Path, value: Mapping[str, Any]) -> None:
    """All or nothing, for the owner's eyes: these are people's words."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(f".{path.name}.partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(json.dumps(value).encode())
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise BadInput(reason, place=str(path), remedy="Make room, or name another data.dir") from error
