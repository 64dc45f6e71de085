"""A scenario file that is wrong is named with its line and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigilbot.domain import Gate
from vigilbot.testing import BadScenario, play, read_scenario
from vigilbot.testing.checks import Mismatch
from vigilbot.testing.scenario import span

GOOD = """\
name: A question
settings: {oncall.gate: analyst_joined, roles.analysts: [U-ANN, U-BO]}
people:
  carl:
steps:
  - carl: How do I rotate the key?
    as: asked
  - wait: 1m30s
  - expect: {cards: 0, roles: {asked: customer}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_people_settings_and_steps(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, GOOD))
    assert scenario.settings.oncall.opens is Gate.ANALYST_JOINED
    assert scenario.settings.roles.analysts == ("U-ANN", "U-BO")
    assert [(step.kind, step.who, step.line) for step in scenario.steps] == [
        ("say", "carl", 6),
        ("wait", "", 8),
        ("expect", "", 9),
    ]


@pytest.mark.parametrize(
    ("line", "replacement", "place", "problem"),
    [
        ("name: A question", "nome: A question", "case.yaml:1", "unknown key 'nome'"),
        ("  carl:", "  carl: {titel: Boss}", "case.yaml:4", "unknown key 'titel'"),
        ("    as: asked", "    ass: asked", "case.yaml:7", "unknown key 'ass'"),
        ("  - wait: 1m30s", "  - wiat: 1m30s", "case.yaml:8", "neither a person nor a step"),
        ("  - wait: 1m30s", "  - eve: Hello", "case.yaml:8", "neither a person nor a step"),
        ("  - wait: 1m30s", "  - expect: {cadrs: 1}", "case.yaml:8", "unknown key 'cadrs'"),
        ("  - wait: 1m30s", "  - expect: {card: {sais: x}}", "case.yaml:8", "unknown key 'sais'"),
        ("  - wait: 1m30s", "  - expect: {entries: [{trust: verified}]}", "case.yaml:8", "needs 'about'"),
        ("  - wait: 1m30s", "  - expect: {entries: [{about: x, truth: y}]}", "case.yaml:8", "'truth'"),
        ("  - wait: 1m30s", "  - expect:", "case.yaml:8", "needs something to expect"),
        ("  - wait: 1m30s", "  - just words", "case.yaml:", "a step is a mapping"),
        ("  - wait: 1m30s", "  - wait: [", "case.yaml:", "is not YAML"),
        ("settings:", "settings: {oncall.gait: x}\nsettings:", "case.yaml:3", "a second time"),
    ],
)
def test_says_where_and_what_is_wrong(
    tmp_path: Path, line: str, replacement: str, place: str, problem: str
) -> None:
    assert line in GOOD
    with pytest.raises(BadScenario) as caught:
        read_scenario(written(tmp_path, GOOD.replace(line, replacement, 1)))
    assert caught.value.place.startswith(place)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("{oncall.gait: immediately}", "unknown key 'oncall.gait'"),
        ("{oncall.grace: soon}", "oncall.grace"),
    ],
)
def test_settings_go_through_their_own_loading(tmp_path: Path, settings: str, problem: str) -> None:
    text = GOOD.replace("settings: {oncall.gate: analyst_joined,", f"settings: {settings}\nold: {{", 1)
    text = text.replace("old: { roles.analysts: [U-ANN, U-BO]}\n", "")
    with pytest.raises(BadScenario, match=r"case\.yaml:2") as caught:
        read_scenario(written(tmp_path, text))
    assert problem in caught.value.problem


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="'steps' is missing"):
        read_scenario(written(tmp_path, "name: x\npeople: {carl: }\n"))
    with pytest.raises(BadScenario, match="not a mapping"):
        read_scenario(written(tmp_path, ""))


@pytest.mark.parametrize(
    "expectation",
    [
        "{cards: 1}",
        "{result: decided}",
        "{question: resolved}",
        "{knowledge: 1}",
        "{roles: {asked: analyst}}",
        "{oncall: open}",
        "{runs: 1}",
        "{deliveries: [sent]}",
        "{messages: 2}",
        "{last_run: 8s after asked}",
        "{entries: [{about: key}]}",
        "{calls: {answer: 1}}",
        "{card: {says: x}}",
        "{attempts: 1}",
        "{elsewhere: 1}",
        "{gate: analyst posted}",
    ],
)
async def test_an_expectation_can_fail(tmp_path: Path, expectation: str) -> None:
    text = GOOD.replace("{cards: 0, roles: {asked: customer}}", expectation)
    with pytest.raises(Mismatch, match=r"case\.yaml:9"):
        await play(read_scenario(written(tmp_path, text)), folder=tmp_path / "data")


async def test_the_good_one_holds(tmp_path: Path) -> None:
    await play(read_scenario(written(tmp_path, GOOD)), folder=tmp_path / "data")


async def test_a_step_that_cannot_be_played_says_where(tmp_path: Path) -> None:
    text = GOOD.replace("  - wait: 1m30s", "  - delete: nobody said this")
    with pytest.raises(BadScenario, match=r"case\.yaml:8"):
        await play(read_scenario(written(tmp_path, text)), folder=tmp_path / "data")


def test_spans() -> None:
    assert span("1h30m").total_seconds() == 5400
    assert span("1.5s").total_seconds() == 1.5
    for bad in ("", "5", "m", "5 minutes", "-3s"):
        with pytest.raises(ValueError, match="is not a duration"):
            span(bad)
