"""Files a command writes: all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vigilbot.errors import BadInput


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that replaces ``path`` when the block succeeds. Raises BadInput at once if it cannot."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "is a folder")
        file = partial.open("wb")
    except OSError as error:
        raise BadInput(
            f"cannot be written ({error.strerror})",
            place=str(path),
            remedy="Name a file in a folder you may write to",
        ) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise BadInput(problem, place=str(path), remedy="Make room, or name another file") from error
    finally:
        partial.unlink(missing_ok=True)
