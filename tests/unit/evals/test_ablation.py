"""An ablation leaves out one thing, scores all variants alike, and says how sure the difference is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.evals.replay_samples import at, card, records
from vigilbot.__main__ import root
from vigilbot.evals.ablation import FIGURES, FULL, NO_LEARNING, NO_REVIEW, ablation, warm_up_end
from vigilbot.evals.ablation_show import sparkline
from vigilbot.evals.replay_records import Asked, Fate
from vigilbot.evals.replay_report import ReplayReport, replay_report
from vigilbot.platforms.replay import read_export
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.replay import replay
from vigilbot.settings import Settings

DAY = 86_400
FIRST = 1_700_000_000
QUESTION, ANSWER = "How do I rotate the signing key?", "Run gatectl rotate on the primary node."
OTHER, LATER = (
    "Where is the audit log of deletions?",
    "Open Settings, then Activity, and filter by deletions.",
)
"""The second pair is asked and resolved after the first, and asked again."""


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")
    folder = tmp_path / "export"
    (folder / "help").mkdir(parents=True)
    users = [{"id": "A", "profile": {"title": "Support analyst"}}, *({"id": c} for c in "CDEFG")]
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "channels.json").write_text(json.dumps([{"id": "C0", "name": "help"}]))
    talks = [("C", QUESTION, ANSWER), ("D", OTHER, LATER), ("E", QUESTION, ANSWER), ("F", OTHER, LATER)]
    said = []
    for day, (customer, asked, answered) in enumerate(talks):
        first = FIRST + day * DAY
        for after, user, text in ((0, customer, asked), (900, "A", answered), (1200, customer, "Thanks!")):
            said.append({"user": user, "ts": f"{first + after}.0", "thread_ts": f"{first}.0", "text": text})
    (folder / "help" / "2023-11-14.json").write_text(json.dumps(said))
    return folder


class Silent:
    def phase(self, title: str, total: int) -> Any:
        return nullcontext(lambda n: None)


def lived(export: Path, folder: Path, variant: str, warm_up: float = 0.5) -> ReplayReport:
    folder.mkdir()
    read = read_export(export)
    done = asyncio.run(
        replay(
            read,
            settings=Settings(),
            folder=folder,
            progress=Silent(),
            embedder=HashEmbedder(),
            variant=variant,
            warm_up=warm_up_end(read.events, warm_up),
        )
    )
    return replay_report(done.records)


def kinds(folder: Path) -> dict[str, int]:
    rows = sqlite3.connect(folder / "ledger.db").execute("SELECT kind, count(*) FROM support GROUP BY kind")
    return dict(rows.fetchall())


def answered(report: ReplayReport) -> list[str]:
    return sorted(c.card.question for c in report.cards)


def test_without_learning_it_answers_only_from_what_the_warm_up_taught(export: Path, tmp_path: Path) -> None:
    # The first conversation of four teaches; the second comes too late to be known.
    assert answered(lived(export, tmp_path / "a", FULL)) == sorted([QUESTION, OTHER])
    assert answered(lived(export, tmp_path / "b", NO_LEARNING, 0.25)) == [QUESTION]
    assert answered(lived(export, tmp_path / "c", NO_LEARNING, 0.5)) == sorted([QUESTION, OTHER])
    assert answered(lived(export, tmp_path / "d", NO_LEARNING, 0.0)) == []


def test_without_review_an_answer_is_scored_and_nothing_known_changes(export: Path, tmp_path: Path) -> None:
    full, unreviewed = lived(export, tmp_path / "a", FULL), lived(export, tmp_path / "b", NO_REVIEW)
    assert [c.right for c in full.cards] == [c.right for c in unreviewed.cards] == [True, True]
    assert kinds(tmp_path / "a") == {"learned": 2, "agreed": 2}
    assert kinds(tmp_path / "b") == {"learned": 2}


def asked(name: str, thread: str, seconds: float) -> Asked:
    return Asked(
        channel="C1",
        channel_name="help",
        thread=thread,
        at=at(seconds),
        text="How?",
        fate=Fate.ABSTAINED,
        settled=True,
        group=0,
        id=name,
    )


def report(right: set[int], cards: set[int], questions: int = 40) -> ReplayReport:
    return replay_report(
        records(
            questions=tuple(asked(f"Q{n}", str(n), n) for n in range(questions)),
            cards=tuple(card(str(n), n + 0.5, question_id=f"Q{n}", agrees=n in right) for n in sorted(cards)),
        )
    )


def test_questions_after_the_warm_up_are_counted_by_variant_and_compared_in_pairs() -> None:
    every, half = set(range(40)), set(range(0, 40, 2))
    found = ablation(
        {FULL: report(every, every), NO_REVIEW: report(half, every), NO_LEARNING: report(set(), set())},
        warm_up=at(20),
    )
    assert (found["questions"], found["conversations"]) == (20, 20)
    full, review = found["variants"][FULL], found["variants"][NO_REVIEW]
    assert (full["posted"], full["judged"], full["correct"], full["precision"]["value"]) == (20, 20, 20, 1.0)
    assert (review["posted"], review["correct"], review["correct_share"]["value"]) == (20, 10, 0.5)
    less = found["differences"][NO_REVIEW]
    assert less["correct_share"]["value"] == 0.5
    assert 0.2 < less["correct_share"]["low"] < 0.5 < less["correct_share"]["high"] < 0.8
    assert less["coverage"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert found["differences"][NO_LEARNING]["precision"] == {"value": None, "low": None, "high": None}
    assert found["curve"]["questions"][-1] == 40
    assert (found["curve"][FULL][-1], found["curve"][NO_REVIEW][-1]) == (1.0, 0.5)


def test_variants_that_do_the_same_differ_by_nothing() -> None:
    same = report(set(range(10)), set(range(30)))
    found = ablation({FULL: same, NO_REVIEW: same}, warm_up=at(0))
    for ranged in found["differences"][NO_REVIEW].values():
        assert ranged == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_nothing_asked_is_no_error() -> None:
    nothing = report(set(), set(), questions=0)
    found = ablation({FULL: nothing, NO_REVIEW: nothing}, warm_up=at(0))
    assert (found["questions"], found["variants"][FULL]["precision"]["value"]) == (0, None)


def test_the_command_writes_the_figures_and_the_page(export: Path, tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    result = CliRunner().invoke(
        root,
        [
            "replay",
            str(export),
            "--ablation",
            "--warm-up",
            "0.25",
            "--json",
            str(figures),
            "--html",
            str(page),
        ],
    )
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(figures.read_text())["ablation"]
    assert set(found) == {key.removeprefix("ablation.") for key in FIGURES} | {"conversations"}
    assert {name: v["posted"] for name, v in found["variants"].items()} == {
        FULL: 2,
        NO_REVIEW: 2,
        NO_LEARNING: 1,
    }
    assert "What learning and review are worth" in result.stdout
    assert "without learning" in page.read_text()


def test_the_warm_up_ends_with_an_event() -> None:
    class At:
        def __init__(self, second: int) -> None:
            self.at = datetime(2024, 1, 1, 0, 0, second, tzinfo=UTC)

    events: Any = [At(second) for second in (0, 1, 2, 50)]
    assert [warm_up_end(events, share).second for share in (0.0, 0.5, 0.95)] == [0, 2, 50]


def test_a_sparkline_has_a_sign_for_every_value() -> None:
    assert sparkline([0.0, 0.5, 1.0], 1.0) == "▁▅█"
    assert sparkline([0.0, None], 0.0) == "▁ "
