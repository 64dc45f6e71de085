"""What every command does before its own work."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from vigilbot.cli.options import settings_of


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("vigilbot")
    before = logger.level
    yield logger
    logger.setLevel(before)


@pytest.mark.parametrize("level", ["debug", "error"])
def test_the_log_shows_what_the_settings_say(logger: logging.Logger, level: str) -> None:
    settings_of(None, None, **{"log.level": level})
    assert logger.level == getattr(logging, level.upper())
