"""What happened, as whoever caused it knows it: a file with one line of JSON each, in order."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class History:
    """Written as it happens: what is in the file is true also after whoever wrote it was stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._began = time.perf_counter()

    def note(self, do: str, **values: object) -> None:
        self.counts[do] += 1
        line = {"at": round(time.perf_counter() - self._began, 3), "do": do, **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
