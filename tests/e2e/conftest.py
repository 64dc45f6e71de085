"""The demonstration as people start it, and a browser in front of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.screen import DESKTOP, THE_BOTS_TURN, Opens, Screen, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STARTED = 90  # seconds in which the address is printed; loading the embedding model takes most of them
ENDED = 20  # seconds from Ctrl-C to the end of the process


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page is. In the end Ctrl-C must end the process, with nothing broken in what it printed."""
    log = tmp_path_factory.mktemp("demo") / "log"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "vigilbot", "demo", "--no-browser", "--port", "0"],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _printed_address(demo, log)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=ENDED) == 0, log.read_text()
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def _printed_address(demo: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + STARTED
    while demo.poll() is None and time.monotonic() < until:
        found = re.search(r"http://\S+", log.read_text())
        if found:
            return found[0]
        time.sleep(0.1)
    pytest.fail(f"the demo printed no address:\n{log.read_text()}")


@pytest.fixture(scope="module")  # no longer: while it is open, no other event loop can run in this thread
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = chromium()
        assert program is not None, "the tests are skipped without a browser"
        opened = playwright.chromium.launch(executable_path=program)
        yield opened
        opened.close()


@pytest.fixture
def opens(browser: Browser, address: str) -> Iterator[Opens]:
    """Opens the page in a browser of its own. In the end none of them may have complained."""
    shots = os.environ.get("E2E_SHOTS")
    if shots:
        Path(shots).mkdir(parents=True, exist_ok=True)
    contexts, screens = [], []

    def open_one(query: str = "", **wanted: Any) -> Screen:
        context = browser.new_context(**{"viewport": DESKTOP, **wanted})
        context.set_default_timeout(THE_BOTS_TURN)
        contexts.append(context)
        screen = Screen(context.new_page(), address)
        screens.append(screen)
        screen.open(query)
        return screen

    yield open_one
    wrongs = [wrong for screen in screens for wrong in screen.wrongs()]
    for context in contexts:
        context.close()
    assert wrongs == []


@pytest.fixture
def screen(opens: Opens) -> Screen:
    """One at a desk."""
    return opens()
