"""The guide for setting up Lark names what the code needs, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from vigilbot.platforms.lark_manifest import CALLBACKS, EVENTS, PERMISSIONS

GUIDE = (Path(__file__).parents[3] / "config" / "lark.md").read_text(encoding="utf-8")


def named(pattern: str) -> set[str]:
    return set(re.findall(rf"`({pattern})`", GUIDE))


def test_the_guide_names_every_permission_and_no_other() -> None:
    assert named(r"[a-z]+:[a-z0-9_.:]+") == {permission.scope for permission in PERMISSIONS}


def test_the_guide_says_which_permissions_are_needed() -> None:
    needed = set(re.findall(r"\| `([^`]+)` \| needed:", GUIDE))
    assert needed == {permission.scope for permission in PERMISSIONS if permission.needed}


def test_the_guide_names_every_event_and_callback() -> None:
    assert named(r"(?:im|card|application)\.[a-z0-9_.]+") == {*EVENTS, *CALLBACKS}


def test_the_guide_has_at_most_six_steps() -> None:
    assert len(re.findall(r"^\d+\. ", GUIDE, re.MULTILINE)) <= 6
