"""Where values come from: a YAML file, the environment, the command line; later ones win.

Every complaint is a BadSettings that names its place (file and line, variable, option) and a remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import yaml

from vigilbot.errors import BadSettings
from vigilbot.settings.rows import Row

PREFIX = "VIGILBOT_"
OTHER_VARIABLES = frozenset({"VIGILBOT_DATA"})
"""Variables with our prefix that are not settings: the data folder of benchmarks."""

ALL_KEYS = "config/vigilbot.yaml lists every key"
MOST_BYTES = 1_000_000

Table = Mapping[str, Row]
Values = dict[str, object]


def from_file(table: Table, path: Path) -> Values:
    """The settings a YAML file gives. An empty file gives none."""
    root = _document(path)
    if root is None or _is_null(root):
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise BadSettings("is not a mapping of sections", place=_place(path, root), remedy=ALL_KEYS)
    values: Values = {}
    for section_node, body in _pairs(path, root):
        section = section_node.value
        if not any(row.section == section for row in table.values()):
            raise _unknown(table, section, _place(path, section_node))
        if _is_null(body):
            continue
        if not isinstance(body, yaml.MappingNode):
            raise BadSettings(
                f"'{section}' is not a mapping of keys", place=_place(path, body), remedy=ALL_KEYS
            )
        for key_node, node in _pairs(path, body):
            name = f"{section}.{key_node.value}"
            if name not in table:
                raise _unknown(table, name, _place(path, key_node))
            values[name] = _read(table[name], node, _place(path, node))
    return values


def from_environment(table: Table, environ: Mapping[str, str]) -> Values:
    """The settings that VIGILBOT_<SECTION>_<KEY> give. Lists and mappings are written as YAML."""
    by_variable = {row.variable: row for row in table.values()}
    values: Values = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        if variable not in by_variable:
            # Without the prefix, which all have in common.
            close = get_close_matches(
                variable.removeprefix(PREFIX)[:80], [v.removeprefix(PREFIX) for v in by_variable], n=1
            )
            remedy = f"Did you mean {PREFIX}{close[0]}?" if close else "Unset it; README lists every setting"
            raise BadSettings(f"no setting is called {variable}", place="environment", remedy=remedy)
        row = by_variable[variable]
        values[row.name] = _read_text(row, environ[variable], f"environment variable {variable}")
    return values


def from_options(table: Table, options: Mapping[str, str]) -> Values:
    """The settings a command line gives, by dotted name."""
    values: Values = {}
    for name, text in options.items():
        if name not in table:
            raise _unknown(table, name, "command line")
        values[name] = _read_text(table[name], text, "command line")
    return values


def nearest(table: Table, name: str) -> str:
    """The known setting, or section, that a person most likely meant; "" when none is near."""
    name = name[:80]
    same_key = [row.name for row in table.values() if row.key == name]
    sections = dict.fromkeys(row.section for row in table.values())
    close = same_key or get_close_matches(name, [*table, *sections], n=1, cutoff=0.6)
    return close[0] if close else ""


def _document(path: Path) -> yaml.Node | None:
    remedy = "Give another file with --config, or none to run on the defaults"
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise BadSettings(f"cannot be read ({problem})", place=str(path), remedy=remedy) from error
    if len(raw) > MOST_BYTES:
        raise BadSettings("is larger than 1 MB", place=str(path), remedy=remedy)
    try:
        return yaml.compose(raw.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadSettings("is not UTF-8", place=f"{path}:{line}", remedy="Save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = f"is not YAML ({error.problem or error.context})"
        raise BadSettings(problem, place=place, remedy="Check indentation, colons and quotes") from error
    except (yaml.YAMLError, RecursionError) as error:
        problem = f"is not YAML ({str(error).splitlines()[0] if str(error) else 'nested too deeply'})"
        raise BadSettings(problem, place=str(path), remedy=ALL_KEYS) from error


def _pairs(path: Path, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Keys and values in order; a key that is no text or stands twice is an error."""
    seen: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise BadSettings("a key is not a text", place=_place(path, key), remedy=ALL_KEYS)
        if key.value in seen:
            problem = f"'{key.value[:80]}' stands here a second time, first in line {seen[key.value]}"
            raise BadSettings(problem, place=_place(path, key), remedy="Keep one of them")
        seen[key.value] = key.start_mark.line + 1
        yield key, value


def _read_text(row: Row, text: str, place: str) -> object:
    """A value given as one text: YAML where a list or a mapping is wanted, else taken as it stands."""
    node: yaml.Node | None = yaml.ScalarNode("tag:yaml.org,2002:str", text)
    if row.compound or (row.optional and text == "null"):
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            raise BadSettings(
                f"{row.name} is not YAML", place=place, remedy="Write [a, b] or {a: 1}"
            ) from error
    return row.default if node is None else _read(row, node, place)


def _read(row: Row, node: yaml.Node, place: str) -> object:
    try:
        return row.read(node)
    except ValueError as error:
        given = f"'{node.value[:40]}'" if isinstance(node, yaml.ScalarNode) else "what stands here"
        problem = f"{row.name}: {given} is not {error}"
        remedy = f"Without it, {row.shown(row.default)} applies"
        raise BadSettings(problem, place=place, remedy=remedy) from error


def _unknown(table: Table, name: str, place: str) -> BadSettings:
    meant = nearest(table, name)
    remedy = f"Did you mean '{meant}'?" if meant else ALL_KEYS
    return BadSettings(f"unknown key '{name[:80]}'", place=place, remedy=remedy)


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")
