"""Reading what platforms send, tolerantly: a field of the wrong type counts as missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A record that is no event, and why: a short stable word for the statistics."""

    reason: str


def text_in(record: Mapping[str, Any], key: str) -> str:
    """A string that any store can hold: lone surrogates are replaced."""
    value = record.get(key)
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def map_in(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def list_in(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []
