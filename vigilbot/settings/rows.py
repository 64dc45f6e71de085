"""Settings as a table: a dataclass field is a row that reads, checks, prints and explains itself.

A section is a frozen dataclass whose fields are made by `setting`; a table is a frozen dataclass whose
fields are sections. Values are read from the text of a scalar, the same way from YAML, from the
environment and from the command line, so YAML's guesses (`no` is a boolean, `010` is eight) never apply.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import yaml

DURATION = "duration"
Seconds = Annotated[float, DURATION]
"""A span of time: a number of seconds, or 30s, 5m, 12h, 2d."""

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([smhd]?)")
_SPOKEN = {int: "a whole number", float: "a number", bool: "true or false", str: "text", Path: "a path"}
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


@dataclass(frozen=True, slots=True)
class _Declared:
    help: str
    least: float | None
    most: float | None


def setting(default: object, help: str, *, least: float | None = None, most: float | None = None) -> Any:
    """A field of a section: its default, one or two sentences for the operator, its limits (inclusive).

    The annotation says what is accepted: bool, int, float, Seconds, str, Path, a StrEnum, a Literal of
    texts, tuple[str, ...], a Mapping of str to one of the first four, and all but the last two also as
    `X | None`.
    """
    metadata = {"declared": _Declared(help, least, most)}
    if isinstance(default, Mapping):
        frozen = MappingProxyType(dict(default))
        return field(default_factory=lambda: frozen, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One setting. `name` is dotted: section and key."""

    name: str
    hint: Any
    default: object
    help: str
    least: float | None
    most: float | None

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    @property
    def key(self) -> str:
        return self.name.partition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "VIGILBOT_" + self.name.replace(".", "_").upper()

    @property
    def compound(self) -> bool:
        """Whether it is a list or a mapping."""
        return get_origin(self.hint) in (tuple, Mapping)

    @property
    def optional(self) -> bool:
        return NoneType in get_args(self.hint)

    @property
    def choices(self) -> tuple[str, ...]:
        bare = _bare(self.hint)
        if get_origin(bare) is Literal:
            return get_args(bare)
        return tuple(bare) if isinstance(bare, type) and issubclass(bare, StrEnum) else ()

    @property
    def explained(self) -> str:
        """The help, followed by what is accepted where that does not go without saying."""
        if len(self.choices) > 1:
            return f"{self.help} One of: {', '.join(self.choices)}."
        limits = [("at least", self.least), ("at most", self.most)]
        said = [f"{word} {self.shown(number)}" for word, number in limits if number]
        return f"{self.help} {' and '.join(said).capitalize()}." if said else self.help

    def read(self, node: yaml.Node) -> object:
        """The value a YAML node stands for; nothing at all stands for the default.

        Raises ValueError with what is expected, to follow "is not".
        """
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
            return self.default
        origin = get_origin(self.hint)
        if origin is tuple:
            return tuple(dict.fromkeys(_scalar(item, "a list of texts") for item in _items(node)))
        if origin is Mapping:
            wanted = "a mapping of names to values"
            if not isinstance(node, yaml.MappingNode):
                raise ValueError(wanted)
            kind = get_args(self.hint)[1]
            pairs = {_scalar(k, wanted): self._one(_scalar(v, wanted), kind) for k, v in node.value}
            return MappingProxyType(pairs)
        return self._one(_scalar(node, "a single value"), _bare(self.hint))

    def _one(self, text: str, bare: Any) -> object:
        if self.choices:
            if text not in self.choices:
                raise ValueError(f"one of {', '.join(self.choices)}")
            return bare(text) if isinstance(bare, type) else text
        if get_origin(bare) is Annotated:
            return self._span(text)
        if bare is bool:
            if text.lower() not in _TRUTHS:
                raise ValueError(_SPOKEN[bool])
            return _TRUTHS[text.lower()]
        if bare in (int, float):
            return self._number(text, bare)
        if bare is Path and not text:
            raise ValueError(_SPOKEN[Path])
        return bare(text)

    def _number(self, text: str, kind: type[int] | type[float]) -> float:
        try:
            number = kind(text)
            finite = math.isfinite(number)
        except (ValueError, OverflowError):
            number, finite = 0, False
        if not finite:
            raise ValueError(_SPOKEN[kind])
        return self._limited(number)

    def _span(self, text: str) -> float:
        found = _SPAN.fullmatch(text)
        if not found:
            raise ValueError("a duration such as 30s, 5m, 12h or 2d")
        return self._limited(float(found[1]) * _SPANS[found[2] or "s"])

    def _limited(self, number: float) -> float:
        if self.least is not None and number < self.least:
            raise ValueError(f"at least {self.shown(self.least)}")
        if self.most is not None and number > self.most:
            raise ValueError(f"at most {self.shown(self.most)}")
        return number

    def shown(self, value: object) -> str:
        """A value as YAML that `read` turns back into it."""
        if isinstance(value, tuple):
            return f"[{', '.join(_text(item) for item in value)}]"
        if isinstance(value, Mapping):
            return "{" + ", ".join(f"{_text(k)}: {self.shown(v)}" for k, v in value.items()) + "}"
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(value).lower()
        if get_origin(_bare(self.hint)) is Annotated and isinstance(value, float | int):
            return spoken_span(value)
        return _figure(value) if isinstance(value, float | int) else _text(str(value))


def spoken_span(seconds: float) -> str:
    """30s, 5m, 12h, 2d: in the largest unit that divides it."""
    for unit, size in reversed(_SPANS.items()):
        if seconds and seconds % size == 0:
            return f"{_figure(seconds / size)}{unit}"
    return f"{_figure(seconds)}s"


def rows(table: type) -> tuple[Row, ...]:
    """Every setting of a table, in the order of its declaration."""
    found = []
    for name, section in get_type_hints(table).items():
        hints = get_type_hints(section, include_extras=True)
        for column in fields(section):
            declared: _Declared = column.metadata["declared"]
            default = column.default
            if column.default_factory is not MISSING:
                default = column.default_factory()
            found.append(
                Row(
                    name=f"{name}.{column.name}",
                    hint=hints[column.name],
                    default=default,
                    help=declared.help,
                    least=declared.least,
                    most=declared.most,
                )
            )
    return tuple(found)


def _bare(hint: Any) -> Any:
    """The hint without `| None`."""
    alternatives = [other for other in get_args(hint) if other is not NoneType]
    if NoneType in get_args(hint) and len(alternatives) == 1:
        return alternatives[0]
    return hint


def _scalar(node: yaml.Node, wanted: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(wanted)
    return str(node.value)


def _items(node: yaml.Node) -> list[yaml.Node]:
    """The items of a list; a single text is a list of one, or of several between commas."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    text = _scalar(node, "a list of texts")
    parts = (part.strip() for part in text.split(","))
    return [yaml.ScalarNode("tag:yaml.org,2002:str", part) for part in parts if part]


def _figure(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _text(text: str) -> str:
    """A text as YAML, quoted where it must be."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in {*_TRUTHS, "null", "y", "n"}
    return text if plain else json.dumps(text, ensure_ascii=False)
