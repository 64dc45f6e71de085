"""Writing a result to a file a person named: all of it or nothing, and said beforehand if impossible."""

from __future__ import annotations

import os
from pathlib import Path

from vigilbot.errors import BadInput


def writable(path: Path | None) -> None:
    """Says so before long work if its result could not be written. Raises BadInput."""
    if path is None:
        return
    parent = path.parent
    if path.is_dir() or not parent.is_dir() or not os.access(parent, os.W_OK):
        raise BadInput(
            "cannot be written", place=str(path), remedy="Name a file in a folder you may write to"
        )


def write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BadInput(
            error.strerror or "cannot be written", place=str(path), remedy="Name another file"
        ) from error
