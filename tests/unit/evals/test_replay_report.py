"""The replay report: its JSON against figures worked out by hand, and what the terminal says."""

from __future__ import annotations

import io
import json

from rich.console import Console

from tests.unit.evals.replay_samples import GOLD, at, card, case, gold, ranked, records
from vigilbot.domain import Outcome, Role, Scope
from vigilbot.evals.gold import LabelledMessage, LabelledOnCall, LabelledQuestion, Labels
from vigilbot.evals.replay_records import Learned, Point, Reviewed
from vigilbot.evals.replay_report import FIGURES, ReplayReport, replay_report
from vigilbot.evals.replay_terminal import TERMS, duration, print_report


def shown(report: ReplayReport, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_keys_are_the_documented_ones() -> None:
    figures = replay_report(records(stage_ms={"answer": [1.0, 3.0]}), gold=GOLD).figures
    assert set(figures) == {key for key in FIGURES if "." not in key}
    assert set(figures["gold"]) >= {key.removeprefix("gold.") for key in FIGURES if key.startswith("gold.")}
    assert set(figures["gold"]["posted"]) >= {"n", "correct", "precision", "wilson_low"}
    assert set(figures["gold"]["prior"]) >= {"hit_at_1", "macro_hit_at_1"}
    for point in ("first_message", "before_resolution"):
        assert set(figures["gold"][point]) >= {"hit_at_1", "hit_at_3", "hit_at_8", "macro_hit_at_1"}
    assert set(figures["gold"]["online"]) == {"0.9", "0.8"}
    assert set(figures["gold"]["online"]["0.9"]) == {"coverage", "precision", "n", "wilson"}
    assert figures["latency_ms"] == {"answer": {"p50": 2.0, "p95": 2.9}}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_gold_changes_nothing_but_its_own_figures() -> None:
    cards = (card("1", 90, "a", human_at=at(95)),)
    plain = dict(replay_report(records(cards=cards)).figures)
    scored = dict(replay_report(records(cards=cards), gold=GOLD).figures)
    assert plain.pop("gold") is None
    assert scored.pop("gold") is not None
    assert plain == scored


def test_hits_are_of_distinct_documents_micro_and_macro() -> None:
    rows = (
        ranked("1", 60, "x", "a2", "a"),  # a2 is another address of a: second
        ranked("2", 150, "a"),
        ranked("3", 260, "a", "a2", "x", "y", "b"),  # fourth
        ranked("2", 150, "b", point=Point.FIRST_MESSAGE),
        ranked("9", 150, "a"),  # no gold conversation
    )
    figures = replay_report(records(ranked=rows), gold=GOLD).figures["gold"]
    assert figures["before_resolution"] == {
        "hit_at_1": 0.25,
        "macro_hit_at_1": round(1 / 6, 4),
        "hit_at_3": 0.5,
        "macro_hit_at_3": round(1 / 3, 4),
        "hit_at_8": 0.75,
        "macro_hit_at_8": 0.5,
    }
    assert figures["first_message"]["hit_at_8"] == 0.0
    assert figures["ceiling"] == 0.25
    assert figures["prior"]["hit_at_1"] == 0.25


def test_the_first_of_the_first_and_the_last_of_the_last_ranking_count() -> None:
    rows = (
        ranked("1", 55, "a", point=Point.FIRST_MESSAGE),
        ranked("1", 60, "b", point=Point.FIRST_MESSAGE),
        ranked("1", 70, "b"),
        ranked("1", 80, "a"),
        ranked("2", 201, "a"),  # knew the resolution: not scored
    )
    figures = replay_report(records(ranked=rows), gold=GOLD).figures["gold"]
    assert figures["first_message"]["hit_at_1"] == 0.25
    assert figures["before_resolution"]["hit_at_1"] == 0.25


def test_each_moment_stands_beside_a_guess_of_the_same_moment() -> None:
    rows = (
        ranked("1", 100, "b", point=Point.AT_RESOLUTION),
        ranked("2", 60, "b"),  # asked before anything was known
        ranked("2", 200, "a", point=Point.AT_RESOLUTION),
        ranked("3", 301, "b", point=Point.AT_RESOLUTION),  # knew the resolution: not scored
    )
    figures = replay_report(records(ranked=rows), gold=GOLD).figures["gold"]
    assert (figures["before_resolution"]["hit_at_1"], figures["at_resolution"]["hit_at_1"]) == (0.0, 0.25)
    assert (figures["prior_last_message"]["hit_at_1"], figures["prior"]["hit_at_1"]) == (0.0, 0.25)
    assert figures["online_at_resolution"].keys() == figures["online"].keys()


def test_posted_cards_are_right_when_their_first_citation_is_the_document() -> None:
    cards = (
        card("1", 60, "a2"),
        card("2", 190, "b"),
        card("3", 350, "b"),  # right, but after the resolution
        card("3", 250, ""),  # cites nothing that can be opened
        card("4", 390, "a", channel="C2"),  # nothing resolves this one
        card("9", 60, "a"),  # no gold conversation: not scored here
    )
    report = replay_report(records(cards=cards), gold=GOLD)
    posted = report.figures["gold"]["posted"]
    assert report.figures["posted"] == 6
    assert (posted["n"], posted["correct"], posted["precision"]) == (5, 2, 0.4)
    assert posted["wilson_low"] == 0.1176
    assert posted["late"] == {"n": 1, "correct": 1}
    assert [c.right for c in report.cards] == [True, False, True, False, False, None]


def test_online_is_walked_on_what_was_ranked() -> None:
    cases = [case(str(n), 100 * n + 60, "a") for n in range(30)]
    rows = tuple(ranked(str(n), 100 * n + 30, "a" if n % 2 else "b", confidence=0.9) for n in range(28))
    rows += (ranked("28", 2830, confidence=0.95),)  # ranked nothing: no decision
    rows += (ranked("29", 2930, "b", confidence=0.95, decided=False),)  # no card, however sure
    figures = replay_report(records(ranked=rows), gold=gold(*cases)).figures
    assert figures["gold"]["online"]["0.9"] == {
        "coverage": 0.0333,  # the first was wrong, and from then on nothing was sure enough
        "precision": 0.0,
        "n": 1,
        "wilson": [0.0, 0.7935],
    }
    assert figures["calibration"]["n"] == 28


def test_calibration_is_judged_by_gold_else_by_people() -> None:
    cases = [case(str(n), 100 * n + 60, "a") for n in range(40)]
    rows = tuple(
        ranked(str(n), 100 * n + 30, "a" if n % 4 else "b", confidence=0.75, stated=0.95) for n in range(40)
    )
    people = tuple(Reviewed(confidence=0.55, stated=0.25, right=True) for _ in range(3))
    known = replay_report(records(ranked=rows, reviewed=people), gold=gold(*cases)).figures["calibration"]
    assert (known["n"], known["told"]["error"], known["engine"]["error"]) == (40, 0.0, 0.2)
    assert known["told"]["bins"] == [{"from": 0.7, "n": 40, "confidence": 0.75, "right": 0.75}]
    text = shown(replay_report(records(ranked=rows, reviewed=people), gold=gold(*cases)))
    assert "Calibration error 0.0% in 10 bins" in text
    assert "│ 75%   │ " + "█" * 30 + "◆" in text  # the mark stands where the bar should end
    alone = replay_report(records(ranked=rows, reviewed=people)).figures["calibration"]
    assert (alone["n"], alone["told"]["error"], alone["engine"]["error"]) == (3, 0.45, 0.75)
    assert replay_report(records()).figures["calibration"] is None


def test_lead_time_is_the_time_to_the_humans_answer() -> None:
    cards = (
        card("8", 10, human_at=at(40)),
        card("8", 10, human_at=at(5)),  # no lead
        card("9", 10),
        card("1", 60, "a"),  # gold knows when the human answered
    )
    assert replay_report(records(cards=cards)).figures["lead_seconds"] == {"p50": 30.0, "p90": 30.0, "n": 1}
    scored = replay_report(records(cards=cards), gold=GOLD).figures["lead_seconds"]
    assert scored == {"p50": 35.0, "p90": 39.0, "n": 2}


LABELS = Labels(
    path="labels",
    left_out=3,
    oncalls=(
        LabelledOnCall(
            source="x",
            scope="things",
            channel="C1",
            thread="1",
            messages=tuple(
                LabelledMessage(ts=ts, at=at(0), role=role, text="x", label=label)
                for ts, role, label in (
                    ("1", Role.CUSTOMER, Scope.WITHIN),
                    ("2", Role.ANALYST, None),
                    ("3", Role.CUSTOMER, Scope.NONE),
                    ("4", Role.CUSTOMER, Scope.OUT),
                    ("5", Role.CUSTOMER, Scope.WITHIN),
                )
            ),
            questions=(
                LabelledQuestion(question="q1", asked=0, answered=(1,), answer="a1"),
                LabelledQuestion(question="q2", asked=4, answered=(), answer=""),
            ),
        ),
    ),
)


def test_labels() -> None:
    cards = (
        card("1", 1, triggers=("1",), agrees=True, similarity=0.8),
        card("1", 2, triggers=("1", "3"), agrees=False, similarity=0.4),  # the same question again
        card("1", 3, triggers=("3", "4")),
        card("1", 4, triggers=("2",)),  # answers nothing labelled
        card("1", 5, triggers=("5",), agrees=True),  # nobody resolved it: nothing to agree with
        card("2", 6, triggers=("1",)),  # another on-call
    )
    report = replay_report(records(cards=cards), labels=LABELS)
    assert report.figures["labels"] == {
        "oncalls": 1,
        "left_out": 3,
        "customer_messages": 4,
        "cards": 4,
        "intrusive": 1,
        "intrusive_per_100": 25.0,
        "questions": 2,
        "questions_resolved": 1,
        "answered": 2,
        "agreement": {"n": 2, "agreed": 1, "share": 0.5, "similarity_p50": 0.6},
    }
    assert [c.right for c in report.cards] == [True, False, False, None, True, None]


def test_without_gold_people_decide_what_was_right() -> None:
    cards = (
        card("1", 1, outcomes=(Outcome.VERIFIED,)),
        card("1", 1, outcomes=(Outcome.ACCEPTED_BY_ASKER, Outcome.CONTRADICTED)),
        card("1", 1, outcomes=(Outcome.IGNORED,)),
        card("1", 1, agrees=False, outcomes=(Outcome.VERIFIED,)),
    )
    assert [c.right for c in replay_report(records(cards=cards)).cards] == [True, False, None, False]


def test_the_terminal_says_what_a_support_lead_asks() -> None:
    cards = (
        card("1", 60, "a"),
        card("2", 190, "b", question="Where is [bold]my[/bold] parcel?", text="[/red] oops", confidence=0.93),
    )
    rows = tuple(ranked(c.thread, 60, "a") for c in GOLD.cases)
    report = replay_report(
        records(
            cards=cards,
            ranked=rows,
            learned=(Learned(question="What is [x]?", answer="It is y.", support=3),),
            skipped={"channel topic": 3},
            warnings=("the folder z is in no list",),
        ),
        gold=GOLD,
    )
    text = " ".join(shown(report, 200).split())
    assert "It would have posted 2 cards. Of the 2 whose right answer is known, 1 were right (50%" in text
    assert "half of those cards came at least 25 s earlier" in text
    assert "2 times a human was faster" in text
    assert "the surest 1 of 1 wrong card" in text
    for said in ("Where is [bold]my[/bold] parcel?", "[/red] oops", "https://docs.example/a", "93%"):
        assert said in text
    for said in (
        "What is [x]?",
        "ceiling 25%",
        "3 channel topic",
        "the folder z",
        "once more, as it comes",
    ):
        assert said in text
    for term in TERMS:
        assert (term in text) == (term != "intrusive"), term


def test_the_terminal_without_anything_to_tell() -> None:
    text = shown(replay_report(records()))
    assert "It would have posted no card." in text
    assert "ceiling" not in text


def test_hostile_texts_are_shown_as_text_at_any_width() -> None:
    hostile = "\u202e[link=x]\x1b[31m" + "漢" * 50_000
    cards = (card("1", 1, question=hostile, text=hostile, channel_name=hostile, agrees=False),)
    report = replay_report(
        records(cards=cards, learned=(Learned(question=hostile, answer=hostile, support=1),))
    )
    for width in (20, 80, 300):
        text = shown(report, width)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(text) < 100_000


def test_durations() -> None:
    assert [duration(s) for s in (0, 9.96, 45, 59.7, 61, 3600, 9000, 90_000)] == [
        "0.0 s",
        "10.0 s",
        "45 s",
        "1 min",
        "1 min 1 s",
        "1 h",
        "2 h 30 min",
        "1 d 1 h",
    ]
