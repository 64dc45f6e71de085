"""The log: ids, counts and times of what is done, and never what somebody wrote.

Every line about a piece of work carries its on-call, without anybody handing it on (a context variable).
What an error says may quote a message (a provider's complaint, a defect's value), so that only our own plain
errors are told in words; at level debug all of them are.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType

from vigilbot.errors import BadInput, DocumentError, IndexFailed, LedgerError, PlatformError

WORK = "vigilbot.work"
"""The logger with a line for each run, card and lesson: for a bot that runs, not for one that lives through
years of an export."""

_PLAIN = (BadInput, DocumentError, IndexFailed, LedgerError, PlatformError)
_ONCALL: ContextVar[str] = ContextVar("vigilbot_oncall", default="")


@contextmanager
def about(oncall: str) -> Iterator[None]:
    """What is logged within, however deep, names this on-call."""
    token = _ONCALL.set(oncall)
    try:
        yield
    finally:
        _ONCALL.reset(token)


def cause(error: BaseException) -> str:
    """What the log may say of an error."""
    return str(error) if isinstance(error, _PLAIN) else type(error).__name__


class Lines(logging.Formatter):
    """A line for people: level, logger, on-call, message."""

    def __init__(self, *, everything: bool) -> None:
        """``everything``: also what errors say in words."""
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._everything = everything

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        oncall = _oncall(record)
        return line.replace(": ", f" [{oncall}]: ", 1) if oncall else line

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        kind, error, trace = ei
        if self._everything or kind is None or error is None:
            return super().formatException(ei)
        return "".join(traceback.format_tb(trace)) + cause(error)


class JsonLines(Lines):
    """The same for a machine: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in (("oncall", _oncall(record)), ("run", getattr(record, "run", ""))):
            if value:
                told[name] = value
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def _oncall(record: logging.LogRecord) -> str:
    return str(getattr(record, "oncall", "")) or _ONCALL.get()


def set_up(*, level: str, form: str) -> None:
    """Standard error shows what has ``level`` and more, as ``text`` or ``json``."""
    everything = level == "debug"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(everything=everything) if form == "json" else Lines(everything=everything))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("vigilbot").setLevel(level.upper())
    logging.getLogger(WORK).setLevel(logging.WARNING)


def tell_of_work(level: str) -> None:
    logging.getLogger(WORK).setLevel(level.upper())
