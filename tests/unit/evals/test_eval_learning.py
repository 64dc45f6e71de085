"""eval learning: what is counted, against figures counted by hand; the real bot on two small on-calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vigilbot.domain import Role
from vigilbot.evals.gold import Labels, read_labels
from vigilbot.evals.learning import FIGURES, Taught, events_of, render, score
from vigilbot.ports import Embedder
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.replay import taught
from vigilbot.settings import Settings

TOKEN = "The token has expired: create a new one under Settings and restart the exporter."
ZONE = "Set the time zone of the report to UTC in its second tab."


def oncall(number: int, turns: Sequence[tuple[str, str]], qa: Sequence[dict[str, Any]]) -> dict[str, Any]:
    start = 1_600_000_000 + 1000 * number
    messages = [
        {"i": i, "ts": f"{start + 60 * i}.000000", "role": role, "user": role[0], "text": text, "label": None}
        for i, (role, text) in enumerate(turns)
    ]
    return {
        "source": "s",
        "scope": "",
        "thread_ts": messages[0]["ts"],
        "messages": messages,
        "qa": list(qa),
    }


RESOLVED = oncall(
    0,
    [
        ("customer", "Our export fails with ERR-4031 since this morning. How do we get it running again?"),
        ("analyst", "Let me look into it for you."),
        ("analyst", TOKEN),
        ("customer", "That worked, thank you!"),
    ],
    [{"q": "How to fix ERR-4031 in the export?", "asked_at": 0, "answered_at": [2], "answer": TOKEN}],
)
UNRESOLVED = oncall(
    1,
    [("customer", "Can the report be sent as a spreadsheet?"), ("analyst", "I shall ask and come back.")],
    [
        {
            "q": "Can the report be sent as a spreadsheet?",
            "asked_at": 0,
            "answered_at": [],
            "answer": None,
        }
    ],
)


def labels(folder: Path, *oncalls: dict[str, Any]) -> Labels:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in oncalls))
    return read_labels(path)


def ts(of: dict[str, Any], *indices: int) -> frozenset[str]:
    return frozenset(of["messages"][i]["ts"] for i in indices)


async def test_messages_and_resolutions_are_counted(tmp_path: Path) -> None:
    known = labels(tmp_path, RESOLVED, UNRESOLVED)
    made = [
        Taught(oncall=0, answer=TOKEN, ts=ts(RESOLVED, 1, 2)),
        Taught(oncall=1, answer=ZONE, ts=ts(UNRESOLVED, 1)),
    ]
    result = await score(known, made, HashEmbedder())
    assert set(result) == set(FIGURES)
    counted = {name: result[name] for name in ("gold_pairs", "resolved", "extracted", "matched")}
    assert counted == {"gold_pairs": 2, "resolved": 1, "extracted": 2, "matched": 1}
    assert result["message_ids"] == pytest.approx({"precision": 1 / 3, "recall": 1.0, "f1": 0.5})
    rules = {name: rule["f1"] for name, rule in result["baselines"].items()}
    assert rules == pytest.approx({"last_analyst": 1.0, "nearest_analyst": 1.0, "first_two": 2 / 3})


async def test_one_entry_matches_one_resolution(tmp_path: Path) -> None:
    twice = RESOLVED | {"qa": [*RESOLVED["qa"], RESOLVED["qa"][0]]}
    result = await score(
        labels(tmp_path, twice), [Taught(oncall=0, answer=TOKEN, ts=ts(RESOLVED, 2))], HashEmbedder()
    )
    assert (result["resolved"], result["matched"]) == (2, 1)


async def test_an_entry_that_says_another_number_is_no_match(tmp_path: Path) -> None:
    other = RESOLVED | {"qa": [RESOLVED["qa"][0] | {"answer": "Wait 15 minutes and restart the exporter."}]}
    made = [Taught(oncall=0, answer="Wait 90 minutes and restart the exporter.", ts=ts(RESOLVED, 2))]
    result = await score(labels(tmp_path, other), made, HashEmbedder())
    assert result["matched"] == 0


def test_roles_and_places_are_those_of_the_labels(tmp_path: Path) -> None:
    events = events_of(labels(tmp_path, RESOLVED, UNRESOLVED))
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert len({e.channel for e in events}) == 2
    assert all(e.channel_private for e in events)
    analysts = [e for e in events if e.user_title]
    assert {e.user for e in analysts} == {Role.ANALYST.value[0]}
    assert len(analysts) == 3


class Silent:
    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda _: None


async def test_the_real_bot_learns_what_was_resolved(tmp_path: Path, real_embedder: Embedder) -> None:
    known = labels(tmp_path, RESOLVED, UNRESOLVED)
    found = await taught(
        known,
        settings=Settings(),
        folder=tmp_path,
        embedder=real_embedder,
        progress=Silent(),
    )
    assert [entry.oncall for entry in found] == [0]
    assert ts(RESOLVED, 2) <= found[0].ts
    result = await score(known, found, real_embedder)
    assert result["matched"] == 1
    told = render(result, oncalls=2, seconds=1.0)
    assert "resolutions they say too" in told
    assert "1" in told
