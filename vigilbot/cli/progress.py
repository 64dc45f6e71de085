"""Progress of long work on standard error: a bar with the time left, or a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY = 10.0  # seconds between two lines where there is no terminal


class TerminalProgress:
    """Drawn where somebody looks; where output is a file, a line every ten seconds, and with ``begins`` one
    when something begins."""

    def __init__(self, *, begins: bool = False) -> None:
        self._console = Console(stderr=True)
        self._begins = begins

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        if not self._console.is_terminal:
            if self._begins:
                sys.stderr.write(f"{title}\n")
            yield _lines(title, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda n: bar.advance(task, n)


def _lines(title: str, total: int) -> Callable[[int], None]:
    began = last = time.monotonic()
    done = 0

    def step(n: int) -> None:
        nonlocal done, last
        done += n
        now = time.monotonic()
        if now - last >= EVERY and done:
            last = now
            left = (now - began) / done * (total - done)
            told = f", about {left:.0f} s left" if 50 * done >= total else ""  # sooner it is a guess
            sys.stderr.write(f"{title}: {done} of {total}{told}\n")

    return step
