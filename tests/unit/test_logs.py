"""The log: which on-call a line is about, and nothing of what an error quotes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from vigilbot.errors import LedgerError, ModelUnavailable
from vigilbot.logs import JsonLines, Lines, about, cause


class Kept(logging.Handler):
    """Keeps its lines; they are formatted when they are logged, as on standard error."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        record.exc_text = None
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    made = logging.getLogger("vigilbot.tests")
    made.propagate = False
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()


def failing(log: logging.Logger, said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError:
        log.exception("run of %s failed", "T/C/1")


def test_a_line_names_its_on_call_in_both_forms(log: logging.Logger) -> None:
    text, data = Kept(Lines(everything=False)), Kept(JsonLines(everything=False))
    log.handlers = [text, data]
    log.info("before")
    with about("T/C/1"):
        log.info("run %s: %s", "R1", "decided", extra={"run": "R1"})
    log.warning("card posted", extra={"oncall": "T/C/2"})
    assert text.lines == [
        "INFO vigilbot.tests: before",
        "INFO vigilbot.tests [T/C/1]: run R1: decided",
        "WARNING vigilbot.tests [T/C/2]: card posted",
    ]
    told = [json.loads(line) for line in data.lines]
    assert [line.get("oncall") for line in told] == [None, "T/C/1", "T/C/2"]
    assert [line.get("run") for line in told] == [None, "R1", None]
    assert told[2]["level"] == "warning"
    assert told[0]["at"].endswith("+00:00")


def test_a_defects_words_are_told_at_debug_only(log: logging.Logger) -> None:
    text, data, debug = (
        Kept(Lines(everything=False)),
        Kept(JsonLines(everything=False)),
        Kept(Lines(everything=True)),
    )
    log.handlers = [text, data, debug]
    failing(log, "quokkable")
    for quiet in (text, data):
        assert "quokkable" not in quiet.lines[0]
        assert "ValueError" in quiet.lines[0]
        assert "in failing" in quiet.lines[0], "where it happened is told"
    assert "quokkable" in debug.lines[0]


def test_our_plain_errors_are_told_in_words_and_a_models_are_not() -> None:
    assert cause(LedgerError("database is locked")) == "database is locked"
    assert (
        cause(ModelUnavailable("openai/x: the provider failed: cannot read quokkable")) == "ModelUnavailable"
    )
    assert cause(KeyError("quokkable")) == "KeyError"
