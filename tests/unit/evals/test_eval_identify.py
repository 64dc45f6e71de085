"""eval identify: reading label files, figures against hand-counted ones and scikit-learn's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vigilbot.domain import Dialogue, Identification, Message, Scope
from vigilbot.engines.extractive.coefficients import shipped
from vigilbot.engines.extractive.identify import Identifier
from vigilbot.errors import BadExport, EngineError
from vigilbot.evals.identify import FIGURES, evaluate, evaluate_across, read, render
from vigilbot.evals.metrics import scores, weighted_scores
from vigilbot.ports import Vector


class NoEmbedder:
    """Of a model nothing was trained on."""

    model = "none"
    dimensions = 2

    async def embed(self, texts: Sequence[str]) -> Vector:
        return np.tile(np.asarray([[1.0, 0.0]], dtype=np.float32), (len(texts), 1))


class Scripted:
    """Says what a message's text says: "w0.9 ..." is within with 0.9, "o", "n", "x" fails."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str, str]] = []

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        text = newest[-1].text
        self.seen.append((len(dialogue.messages), text, scope))
        if text.startswith("x"):
            raise EngineError
        named = {"w": Scope.WITHIN, "o": Scope.OUT, "n": Scope.NONE}[text[0]]
        within = float(text[1:4])
        return Identification(scope=named, within=within, out=0.0, none=1 - within)


def line(
    *turns: tuple[str, str | None, str], source: str = "a", thread: str = "100.000000"
) -> dict[str, Any]:
    """An on-call from (role, label, text)."""
    messages = [
        {"i": i, "ts": f"{100 + i}.000000", "role": role, "user": role, "text": text, "label": label}
        for i, (role, label, text) in enumerate(turns)
    ]
    return {"source": source, "scope": "the app", "thread_ts": thread, "messages": messages, "qa": []}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{x if isinstance(x, str) else json.dumps(x)}\n" for x in lines))
    return path


ONCALLS = (
    line(
        ("customer", "within", "w0.9 why?"),
        ("analyst", None, "because?"),
        ("customer", "none", "w0.7 ok"),
        ("customer", "within", "n0.2 hm"),
    ),
    line(
        ("customer", "out", "o0.3 you?"),
        ("customer", "within", "w0.8 help"),
        ("customer", "none", "n0.1 bye"),
    ),
    line(("customer", "within", "w0.6 how?"), ("customer", "none", "n0.0 fine")),
    line(("customer", "within", "w0.5 what?"), ("peer", None, "hi"), ("customer", "out", "n0.1 lol?")),
)


async def test_figures_match_hand_counts(tmp_path: Path) -> None:
    result = await evaluate(read(write(tmp_path / "f.jsonl", *ONCALLS)), Scripted(), engine="scripted")
    # within: 4 of 5 found, 1 of 5 said wrong. rest: 4 of 5 found, 1 of 5 said wrong.
    assert result["messages"] == 10
    assert result["conversations"] == 4
    assert result["labels"] == {"within": 5, "out": 2, "none": 3}
    assert result["confusion"] == {
        "within": {"within": 4, "out": 0, "none": 1},
        "out": {"within": 0, "out": 1, "none": 1},
        "none": {"within": 1, "out": 0, "none": 2},
    }
    within = result["within"]
    for key in ("precision", "recall", "f1", "precision_w", "recall_w", "f1_w"):
        assert within[key] == pytest.approx(0.8), key
        low, high = within[f"{key}_interval"]
        assert low <= 0.8 <= high
    # out: precision 1, recall 1/2, f1 2/3; none: precision 2/4, recall 2/3, f1 4/7.
    assert result["three_class"]["f1_w"] == pytest.approx(0.5 * 0.8 + 0.2 * 2 / 3 + 0.3 * 4 / 7, abs=1e-4)
    assert result["three_class"]["precision_w"] == pytest.approx(0.5 * 0.8 + 0.2 + 0.3 * 0.5, abs=1e-4)
    # At 0.5 four of five within are above; so is one message that is not.
    assert result["intrusive_per_100"] == pytest.approx(10.0)
    # Question marks: three of five within, two of the rest.
    mark = result["question_mark"]
    assert (mark["precision"], mark["recall"]) == (pytest.approx(0.6), pytest.approx(0.6))
    assert mark["f1_w"] == pytest.approx(0.6)
    assert mark["intrusive_per_100"] == pytest.approx(50.0)  # only "always" reaches the recall
    assert result["difference"]["f1_w"] == pytest.approx(0.2)
    assert (result["failed"], result["in_sample"], result["cross_community"]) == (0, False, False)


async def test_figures_match_scikit_learn_and_the_plain_metrics(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    names, letters = ["within", "out", "none"], "won"
    lines = []
    gold: list[str] = []
    named: list[str] = []
    for _ in range(40):
        turns: list[tuple[str, str | None, str]] = []
        for _ in range(int(rng.integers(1, 9))):
            truth, said = int(rng.integers(3)), int(rng.integers(3))
            gold.append(names[truth])
            named.append(names[said])
            turns.append(("customer", names[truth], f"{letters[said]}{rng.integers(10) / 10} text"))
        lines.append(line(*turns))
    result = await evaluate(read(write(tmp_path / "f.jsonl", *lines)), Scripted(), engine="scripted")
    for key, truth_, said_ in (
        ("three_class", gold, named),
        ("within", [g == "within" for g in gold], [n == "within" for n in named]),
    ):
        p, r, f, _ = metrics.precision_recall_fscore_support(
            truth_, said_, average="weighted", zero_division=0
        )
        block = result[key]
        assert (block["precision_w"], block["recall_w"], block["f1_w"]) == (
            pytest.approx(p, abs=1e-4),
            pytest.approx(r, abs=1e-4),
            pytest.approx(f, abs=1e-4),
        )
    assert result["three_class"]["f1_w"] == pytest.approx(weighted_scores(gold, named).f1, abs=1e-4)
    assert result["within"]["f1"] == pytest.approx(scores(gold, named, of="within").f1, abs=1e-4)


async def test_each_message_is_judged_with_the_dialogue_up_to_it(tmp_path: Path) -> None:
    scripted = Scripted()
    seen: list[tuple[int, int]] = []
    await evaluate(
        read(write(tmp_path / "f.jsonl", *ONCALLS[:2])),
        scripted,
        engine="scripted",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert [(n, text[:4]) for n, text, _ in scripted.seen] == [
        (1, "w0.9"),
        (3, "w0.7"),
        (4, "n0.2"),
        (1, "o0.3"),
        (2, "w0.8"),
        (3, "n0.1"),
    ]
    assert {scope for _, _, scope in scripted.seen} == {"the app"}
    assert seen[-1] == (6, 6)


async def test_a_message_without_judgement_counts_as_none_and_is_said(tmp_path: Path) -> None:
    file = read(write(tmp_path / "f.jsonl", line(("customer", "within", "x"), ("customer", "none", "n0.1"))))
    result = await evaluate(file, Scripted(), engine="scripted")
    assert result["failed"] == 1
    assert result["confusion"]["within"]["none"] == 1
    assert "1 messages got no judgement" in render(result)


async def test_the_extractive_identification_runs_and_two_runs_agree(tmp_path: Path) -> None:
    file = read(
        write(tmp_path / "f.jsonl", line(("customer", "within", "How?"), ("customer", "none", "thanks")))
    )
    judge = Identifier(NoEmbedder(), shipped())
    first = await evaluate(file, judge, engine="extractive")
    again = await evaluate(file, judge, engine="extractive")
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert first["within"]["f1_w"] == 1.0
    assert set(first) <= set(FIGURES) | {"intrusive_per_100_interval"}
    assert json.loads(json.dumps(first)) == first


async def test_in_sample_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", ONCALLS[0])
    mine = frozenset({hashlib.sha256(path.read_bytes()).hexdigest()})
    result = await evaluate(read(path), Scripted(), engine="scripted", trained_on=mine)
    assert result["in_sample"] is True
    assert "In sample" in render(result)


def _community(source: str, offset: int) -> list[dict[str, Any]]:
    return [
        line(
            ("customer", "within", f"How do I open part {n}?"),
            ("analyst", None, "With the key."),
            ("customer", "none", "ok thanks"),
            source=source,
            thread=f"{offset + n}.000000",
        )
        for n in range(4)
    ]


async def test_across_communities_every_source_is_judged_by_the_others(tmp_path: Path) -> None:
    file = read(write(tmp_path / "f.jsonl", *_community("a", 0), *_community("b", 50)))
    seen: list[int] = []
    result = await evaluate_across(file, NoEmbedder(), progress=lambda done, total: seen.append(done))
    assert (result["messages"], result["conversations"]) == (16, 8)
    assert result["cross_community"] is True
    assert result["within"]["f1_w"] == 1.0
    assert seen[-1] == 16
    assert "trained on the other sources" in render(result)


async def test_across_communities_needs_two_sources(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="one source only"):
        await evaluate_across(read(write(tmp_path / "f.jsonl", *_community("a", 0))), NoEmbedder())


def test_slack_markup_becomes_plain_text(tmp_path: Path) -> None:
    file = read(write(tmp_path / "f.jsonl", line(("customer", "none", "<@U123> a &gt; b <https://x.org|x>"))))
    assert file.oncalls[0].dialogue.messages[0].text.startswith("@U123 a > b")


GOOD = line(("customer", "none", "hi"))


@pytest.mark.parametrize(
    ("bad", "place", "says"),
    [
        ('{"source": "a",', "f.jsonl:2", "malformed JSON"),
        ("[]", "f.jsonl:2", "not an object"),
        ({**GOOD, "messages": None}, "f.jsonl:2", "messages"),
        ({**GOOD, "messages": [{"ts": "1.0", "role": "customer", "label": "none"}]}, "f.jsonl:2", "text"),
        ({**GOOD, "messages": [{"role": "customer", "text": "x"}]}, "f.jsonl:2", "ts"),
        (line(("wizard", "none", "hi")), "f.jsonl:2", "wizard"),
        (line(("customer", "maybe", "hi")), "f.jsonl:2", "maybe"),
    ],
)
def test_a_wrong_line_is_named_with_a_remedy(tmp_path: Path, bad: object, place: str, says: str) -> None:
    with pytest.raises(BadExport) as caught:
        read(write(tmp_path / "f.jsonl", GOOD, bad))
    assert place in caught.value.place
    assert says in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize(
    "lines", [(), ("", "   "), (line(("analyst", None, "hi")),), (line(("customer", None, "x")),)]
)
def test_a_file_without_labelled_messages_is_refused(tmp_path: Path, lines: tuple[object, ...]) -> None:
    with pytest.raises(BadExport):
        read(write(tmp_path / "f.jsonl", *lines))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match=r"none\.jsonl"):
        read(tmp_path / "none.jsonl")
