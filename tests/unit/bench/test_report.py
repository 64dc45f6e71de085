"""What a measurement becomes: a table and a chart in a document that keeps its own words, and JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from vigilbot.bench import Bars, Demand, Figure, Part, Section, spread
from vigilbot.bench.machine import Machine, this_machine
from vigilbot.bench.report import Report, markdown, summary, to_json, written_into
from vigilbot.errors import BadInput

MACHINE = Machine(cores=2, processor="X", memory=8.0, system="Linux", python="3.11", packages={"numpy": "2"})
DOCUMENT = """# Figures

By hand.

<!-- bench:latency -->
old
<!-- /bench:latency -->

Also by hand.

<!-- bench:replay -->
kept
<!-- /bench:replay -->
"""


def report(*sections: Section) -> Report:
    return Report(at=datetime(2026, 1, 5, tzinfo=UTC), machine=MACHINE, sections=sections)


def section(*figures: Figure, part: Part = Part.LATENCY, skipped: str = "") -> Section:
    return Section(
        part=part,
        title="Cards",
        ran_on="ten questions",
        figures=figures,
        charts=(Bars(title="p99", unit="ms", bars=(("ours", 10.0), ("theirs", 40.0))),) if figures else (),
        skipped=skipped,
    )


SLOW = Figure(
    name="card", value=80.0, unit="ms", n=1200, baseline=40.0, against="bare call", demand=Demand(limit=60)
)


def test_only_what_was_measured_is_written_anew_and_words_by_hand_stay() -> None:
    said = written_into(DOCUMENT, report(section(SLOW), section(part=Part.REPLAY, skipped="no data")))
    assert "old" not in said
    assert "By hand." in said
    assert "Also by hand." in said
    assert "<!-- bench:replay -->\nkept\n<!-- /bench:replay -->" in said
    assert written_into(said, report(section(SLOW))) == said


def test_a_document_without_a_place_is_refused_before_anything_is_lost() -> None:
    with pytest.raises(BadInput, match="no place for throughput"):
        written_into(DOCUMENT, report(section(SLOW, part=Part.THROUGHPUT)))


def test_a_row_says_what_stands_beside_it_and_whether_it_is_what_was_wanted() -> None:
    told = markdown(report(section(SLOW)), Part.LATENCY)
    assert "| card | 80 ms | 1,200 | 40 ms bare call | 2.00 | at most 60 ms: **no** |" in told
    assert "2 cores, X, 8 GB, Linux, Python 3.11; numpy 2" in told
    ours, theirs = (line for line in told.splitlines() if "█" in line)
    assert 4 * ours.count("█") == theirs.count("█")


@pytest.mark.parametrize(
    ("value", "baseline", "on_ratio", "met"),
    [
        (59.0, None, False, True),
        (61.0, None, False, False),
        (None, None, False, False),
        (1100.0, 1000.0, True, False),
        (50_000.0, 1000.0, True, True),
        (None, 1000.0, True, False),
    ],
)
def test_a_demand_is_met_or_not(value: float, baseline: float, on_ratio: bool, met: bool) -> None:
    demand = Demand(limit=60) if not on_ratio else Demand(limit=2, at_most=False)
    figure = Figure(name="x", value=value, n=1, baseline=baseline, demand=demand, demand_on_ratio=on_ratio)
    assert figure.met is met
    assert figure.met is met


def test_nothing_measured_is_said_and_meets_nothing() -> None:
    [half, most] = spread("card", [], unit="ms", demands={99: Demand(limit=60)})
    assert (half.met, most.met, most.note) == (None, False, "none measured")


def test_the_json_has_ratio_and_verdict() -> None:
    found = json.loads(json.dumps(to_json(report(section(SLOW)))))
    [figure] = found["sections"][0]["figures"]
    assert (figure["ratio"], figure["met"], found["machine"]["cores"]) == (2.0, False, 2)


def test_this_machine_says_what_it_is() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert "chromadb" in machine.line


def test_the_summary_names_every_aim_and_what_there_is_no_figure_of() -> None:
    ratio = Figure(
        name="flow",
        value=1100.0,
        unit="ms",
        n=9,
        baseline=1000.0,
        against="two replies",
        demand=Demand(limit=1.1),
        demand_on_ratio=True,
    )
    plain = Figure(name="no aim", value=1.0, n=1)
    skipped = section(part=Part.REPLAY, skipped="no data")
    failed = Section(part=Part.IDENTIFY, title="Identify", ran_on="", failed="OSError: full")
    told = summary(
        report(section(SLOW, ratio, plain), skipped, failed), {Part.LATENCY: 61.0, Part.REPLAY: 4.4}
    )
    assert told.splitlines() == [
        "1 of 2 aims are met.",
        "  MISSED  Cards: card: 80 ms, at most 60 ms",
        "  met     Cards: flow: 1.10 times two replies, at most 1.1 times",
        "  skipped Cards: no data",
        "  FAILED  Identify: OSError: full",
        "In 1:05: latency 1:01, replay 0:04.",
    ]


def test_what_failed_is_said_in_its_place_unless_nothing_else_is_known() -> None:
    failed = Section(part=Part.LATENCY, title="Beside", ran_on="", failed="OSError: full")
    assert "old" in written_into(DOCUMENT, report(failed))
    beside = written_into(DOCUMENT, report(section(SLOW), failed))
    assert "old" not in beside
    assert "### Beside\n\n**Failed**: OSError: full." in beside
