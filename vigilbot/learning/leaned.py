"""Which entries an answer rests on."""

from __future__ import annotations

import json

from vigilbot.ports import Row


def leaned_on(answer: Row) -> dict[str, int]:
    """Entry to the revision the answer used, in citation order."""
    return dict(json.loads(answer["leaned"]))
