"""Calibration of theta: what is proposed, what is left alone, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.errors import BadInput
from vigilbot.evals.theta import Pair, Told, calibrated, paired
from vigilbot.evals.theta_pairs import read_pairs, told_by_knowledge
from vigilbot.ports import Vector


class Planned:
    """``ports.Embedder`` that puts 'x 0.8' at a cosine of 0.8 to the plain 'x'."""

    model = "planned"
    dimensions = 400

    async def embed(self, texts: object) -> Vector:
        rows = []
        for text in texts:  # type: ignore[attr-defined]
            subject, _, likeness = text.partition(" at ")
            place = int(subject.removeprefix("subject ").translate(_DIGITS))
            cosine = float(likeness.replace("percent", "")) / 100 if likeness else 1.0
            row = np.zeros(self.dimensions, np.float32)
            row[2 * place], row[2 * place + 1] = cosine, (1 - cosine**2) ** 0.5
            rows.append(row)
        return np.stack(rows)


_DIGITS = str.maketrans("abcdefghij", "0123456789")
_LETTERS = str.maketrans("0123456789", "abcdefghij")


def pair(subject: int, likeness: int, *, same: bool, group: str) -> Pair:
    """No digits in the subject: a number that differs would be guarded against."""
    name = f"subject {str(subject).translate(_LETTERS)}"
    return Pair(a=name, b=f"{name} at {likeness}percent", same=same, group=group, source="test")


def apart_at(threshold: int) -> list[Pair]:
    """Sixty of each kind, alike by a little more or less than so many percent."""
    found = []
    for n in range(60):
        group = f"channel {n % 6}"
        found.append(pair(n, threshold + 3 + n % 20, same=True, group=group))
        found.append(pair(60 + n, threshold - 3 - n % 20, same=False, group=group))
    return found


async def test_the_theta_that_tells_them_apart_is_proposed() -> None:
    found = await calibrated(apart_at(50), Planned(), current=0.7)
    assert found["chosen"]["theta"] == pytest.approx(0.5, abs=0.03)
    assert found["held_out"]["weighted_f1"] == 1
    assert found["worth_it"]
    assert found["gain"]["interval"][0] > 0


async def test_where_the_one_in_force_is_as_good_it_stays() -> None:
    found = await calibrated(apart_at(70), Planned(), current=0.7)
    assert found["current"]["weighted_f1"] == 1
    assert not found["worth_it"]


async def test_more_duplicates_found_do_not_pay_for_swallowed_answers() -> None:
    alike = [pair(n, 30 + n % 60, same=True, group=f"channel {n % 6}") for n in range(100)]
    other = [pair(100 + n, n % 60, same=False, group=f"channel {n % 6}") for n in range(100)]
    found = await calibrated([*alike, *other], Planned(), current=0.7, wanted=0.95)
    assert found["best_f1"] < 0.5
    assert found["chosen"]["theta"] > 0.5
    assert found["chosen"]["precision"] > 0.9


async def test_too_few_pairs_are_said() -> None:
    with pytest.raises(BadInput, match="10 pairs that say the same and 10 that do not"):
        await calibrated(apart_at(50)[:20], Planned(), current=0.7)


async def test_answers_to_the_nearest_other_question_are_the_pairs_that_differ() -> None:
    told = [
        Told(text="one", question="subject a", key="k1", group="c"),
        Told(text="uno", question="subject a", key="k1", group="c"),
        Told(text="near", question="subject a at 90percent", key="k2", group="c"),
        Told(text="far", question="subject b", key="k3", group="c"),
        Told(text="elsewhere", question="subject a", key="k4", group="d"),
    ]
    pairs = await paired(told, Planned(), source="s")
    assert [(p.a, p.b, p.same) for p in pairs] == [("one", "uno", True), ("one", "near", False)]


def test_a_learned_answer_is_compared_without_the_link_that_tells_its_document() -> None:
    def row(answer: str, *urls: str) -> dict[str, str]:
        citations = json.dumps([[url, ""] for url in urls])
        return {"question": "q", "answer": answer, "citations": citations, "channel": "C"}

    [one] = told_by_knowledge(
        [
            row("See https://a.example/x for it", "https://www.a.example/x/"),
            row("Two", "https://a.example/x", "https://a.example/y"),
            row("None"),
            row("https://a.example/z", "https://a.example/z"),
        ]
    )
    assert (one.text, one.key) == ("See for it", "a.example/x")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[]", "is not a JSON object"),
        ('{"a": "x", "b": 3, "same": true}', "a and b are not two texts"),
        ('{"a": "x", "b": "y", "same": 1}', "same is neither true nor false"),
        ("", "no pairs"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(line)
    with pytest.raises(BadInput, match=said):
        read_pairs(file)


def calibrate(monkeypatch: pytest.MonkeyPatch, *args: str) -> Result:
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")
    return CliRunner().invoke(root, ["calibrate", "dedup", *args])


def test_the_command_draws_the_sweep_and_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, html, figures = (tmp_path / name for name in ("pairs.jsonl", "page.html", "figures.json"))
    words = [
        "amber",
        "basin",
        "cedar",
        "delta",
        "ember",
        "fjord",
        "grove",
        "heath",
        "inlet",
        "jetty",
        "knoll",
    ]
    lines = []
    for n in range(40):
        subject = " ".join(words[(n * 5 + k * (1 + n % 4)) % len(words)] for k in range(6))
        other = " ".join(words[(n * 3 + 7 + k) % len(words)] for k in range(6))
        lines.append({"a": f"Use the {subject}", "b": f"Use the {subject} please", "same": True})
        lines.append({"a": f"Use the {subject}", "b": f"Take {other} <b>", "same": False})
    file.write_text("\n".join(json.dumps(line) for line in lines))
    result = calibrate(monkeypatch, "--pairs", str(file), "--html", str(html), "--json", str(figures))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "dedup.theta" in result.stdout
    assert "<- chosen" in result.stdout
    assert json.loads(figures.read_text())["pairs"]["pairs.jsonl"] == {"same": 40, "different": 40}
    page = html.read_text()
    assert "<svg" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "nothing to learn from. Give --export, --labels or --pairs"),
        (("--pairs", "gone.jsonl"), "cannot be read"),
        (("--labels", "gone.jsonl"), "gone.jsonl"),
        (("--export", "gone.zip"), "gone.zip"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = calibrate(monkeypatch, *args, "--html", "page.html")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
