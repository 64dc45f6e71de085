"""tests/scenarios/*.yaml as values; whatever is unknown or misspelt is named with file and line.

The format is told in tests/scenarios/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from vigilbot.errors import BadInput, BadSettings
from vigilbot.settings import Settings, load
from vigilbot.testing.world import Channel, Person

ENGINES = ("scripted", "gullible", "extractive")
_TOP = ("name", "about", "engine", "settings", "latency", "people", "channels", "steps")
_PERSON = ("title", "external", "groups", "bot", "is_self", "admin")
_CHANNEL = ("external", "private", "direct")
SAY = ("as", "on", "in", "after", "top")
STEPS: Mapping[str, tuple[str, ...]] = {
    "wait": (),
    "react": ("with", "to", "on"),
    "unreact": ("with", "to", "on"),
    "edit": ("text",),
    "delete": (),
    "command": ("by", "on"),
    "accept": ("on", "card", "reply"),
    "withdraw": ("on", "card", "reply"),
    "take_back": ("on", "card", "reply"),
    "post": ("on", "card", "reply", "text"),
    "dismiss": ("on", "card", "reply"),
    "redeliver": ("times", "transport"),
    "restart": (),
    "meanwhile": (),  # and what happens: who says what, or the step edit or delete
    "fail": ("times",),
    "refuse": (),
    "lose": (),
    "teach": ("answer", "url", "space"),
    "retract": (),
    "undo": (),
    "verify": (),
    "both": ("and",),
    "share": ("on", "card", "reply", "shows", "hides", "question", "answer", "links"),
    "expect": (),
}
"""Each step's options. A step whose first key is a person's name is a message."""
EXPECT = (
    "on", "cards", "elsewhere", "card", "deliveries", "result", "results", "runs", "scope", "last_run",
    "would_post", "audience", "reason", "question", "questions", "outcome", "outcomes", "oncall", "oncalls",
    "gate", "closed_because", "roles", "rules", "messages", "knowledge", "entries", "calls", "attempts",
    "flagged", "taken", "told", "requests", "contradictions", "expired", "retrieved",
)  # fmt: skip
CARD = (
    "number", "says", "lacks", "cites", "provenance", "after", "accept", "under", "readers", "accepted_by",
    "posted_by",
)  # fmt: skip
ENTRY = (
    "about", "question", "answer", "lacks", "cites", "trust", "support", "against", "revision", "retracted",
    "precondition", "space", "expires", "operation",
)  # fmt: skip
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class BadScenario(BadInput):
    """The scenario file cannot be used."""


class Block(dict[str, Any]):
    """A mapping that knows the line of each key, and its own."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """``kind`` is a key of STEPS or ``say``; ``value`` is what stands behind that key."""

    kind: str
    line: int
    value: Any
    who: str = ""
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    name: str
    path: Path
    engine: str
    settings: Settings
    latency: timedelta
    people: Mapping[str, Person]
    channels: Mapping[str, Channel]
    steps: tuple[Step, ...]


def span(text: str) -> timedelta:
    """``90s``, ``1h30m``. Raises ValueError."""
    text = str(text).replace(" ", "")
    found = list(_SPAN.finditer(text))
    if not text or "".join(m[0] for m in found) != text:
        raise ValueError(f"'{text}' is not a duration such as 30s, 5m or 1h30m")
    return timedelta(seconds=sum(float(m[1]) * _UNITS[m[2]] for m in found))


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises BadScenario."""
    return _Reader(path).scenario()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def bad(self, line: int, problem: str, remedy: str = "") -> BadScenario:
        return BadScenario(problem, place=f"{self._path.name}:{line}", remedy=remedy)

    def scenario(self) -> Scenario:
        try:
            node = yaml.compose(self._path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self.bad(line, f"is not YAML ({error.problem})") from error
        top = self._plain(node) if node is not None else None
        if not isinstance(top, Block):
            raise self.bad(1, "is not a mapping of keys")
        self._only(top, _TOP)
        for key in ("name", "people", "steps"):
            if key not in top:
                raise self.bad(top.line, f"the key '{key}' is missing")
        engine = top.get("engine", "scripted")
        if engine not in ENGINES:
            raise self.bad(top.lines["engine"], f"no engine '{engine}'", f"One of {', '.join(ENGINES)}")
        people = {
            name: Person(name=name, **_tuples(self._block(top["people"], name, _PERSON)))
            for name in self._keys(top, "people")
        }
        channels = {
            name: Channel(name=name, **self._block(top["channels"], name, _CHANNEL))
            for name in self._keys(top, "channels")
        } or {"help": Channel(name="help")}
        return Scenario(
            name=str(top["name"]),
            path=self._path,
            engine=engine,
            settings=self._settings(top),
            latency=self._span(top.get("latency", "0s"), top.lines.get("latency", 1)),
            people=people,
            channels=channels,
            steps=tuple(self._step(item, people) for item in self._list(top, "steps")),
        )

    def _settings(self, top: Block) -> Settings:
        given = top.get("settings") or Block(top.line)
        options = {"retrieval.index": "exact"}
        for name, value in given.items():
            text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True)
            options[name] = text.removesuffix("\n").removesuffix("\n...")
            try:
                load(options={name: options[name]})
            except BadSettings as error:
                raise self.bad(given.lines[name], error.problem, error.remedy) from error
        return load(options=options)

    def _step(self, item: Any, people: Mapping[str, Person]) -> Step:
        if not isinstance(item, Block) or not item:
            raise self.bad(getattr(item, "line", 1), "a step is a mapping, such as 'carl: How do I ...?'")
        first = next(iter(item))
        line = item.lines[first]
        if first in people:
            self._only(item, (first, *SAY))
            return Step(kind="say", line=line, who=first, value=str(item[first]), options=_rest(item, first))
        if first not in STEPS:
            close = get_close_matches(first, [*people, *STEPS], n=1)
            remedy = f"Did you mean '{close[0]}'?" if close else f"People: {', '.join(people)}"
            raise self.bad(line, f"'{first}' is neither a person nor a step", remedy)
        if first == "expect":
            return Step(kind=first, line=line, value=self._expectation(item), options={})
        allowed = (first, *STEPS[first])
        who = ""
        if first == "meanwhile":
            happenings = [key for key in item if key in people or key in ("edit", "delete")]
            if len(happenings) != 1:
                raise self.bad(line, "a step 'meanwhile' needs one thing: somebody speaks, edit or delete")
            who = happenings[0]
            allowed = (first, who, *STEPS.get(who, SAY))
        self._only(item, allowed)
        return Step(kind=first, line=line, who=who, value=item[first], options=_rest(item, first))

    def _expectation(self, item: Block) -> Block:
        self._only(item, ("expect",))
        wanted = item["expect"]
        if not isinstance(wanted, Block) or not wanted:
            raise self.bad(item.line, "'expect' needs something to expect")
        self._only(wanted, EXPECT)
        if "card" in wanted:
            self._block(wanted, "card", CARD)
        if "entries" in wanted:
            for entry in self._list(wanted, "entries"):
                if not isinstance(entry, Block) or "about" not in entry:
                    raise self.bad(wanted.lines["entries"], "an entry needs 'about': words only it has")
                self._only(entry, ENTRY)
        return wanted

    # -- YAML

    def _plain(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            block = Block(node.start_mark.line + 1)
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in block:
                    raise self.bad(line, f"'{key.value}' stands here a second time")
                block[key.value] = self._plain(value)
                block.lines[key.value] = line
            return block
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item) for item in node.value]
        kind = node.tag.rpartition(":")[2]
        if kind in ("int", "float", "bool", "null"):
            return yaml.safe_load(node.value)
        return node.value

    def _only(self, block: Block, allowed: Collection[str]) -> None:
        for key in block:
            if key not in allowed:
                close = get_close_matches(key, allowed, n=1)
                remedy = f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(allowed)}"
                raise self.bad(block.lines[key], f"unknown key '{key}'", remedy)

    def _keys(self, top: Block, name: str) -> list[str]:
        found = top.get(name)
        if found is None:
            return []
        if not isinstance(found, Block):
            raise self.bad(top.lines[name], f"'{name}' is a mapping of names")
        return list(found)

    def _block(self, parent: Block, name: str, allowed: Collection[str]) -> dict[str, Any]:
        found = parent[name] if parent[name] is not None else Block(parent.line)
        if not isinstance(found, Block):
            raise self.bad(parent.lines[name], f"'{name}' is a mapping: {', '.join(allowed)}")
        self._only(found, allowed)
        return dict(found)

    def _list(self, parent: Block, name: str) -> list[Any]:
        if not isinstance(parent[name], list):
            raise self.bad(parent.lines[name], f"'{name}' is a list")
        return list(parent[name])

    def _span(self, text: str, line: int) -> timedelta:
        try:
            return span(text)
        except ValueError as error:
            raise self.bad(line, str(error)) from error


def _rest(item: Block, first: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != first}


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
