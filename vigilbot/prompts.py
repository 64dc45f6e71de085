"""Prompts are files, prompts/<name>.md, that an operator may edit: front matter, then the text.

The front matter is YAML with two keys: `version`, and `variables`, a mapping of each variable to one line
about it. In the text `{{name}}` stands for a variable's value. Values go in in a single pass and are never
read again, so a value that contains `{{name}}`, `{id}` or `${HOME}` stays what it is.

One variable is always there: `{{boundary}}`, a mark for the ends of data blocks that no value contains. It
is derived from the values, so that equal values render to equal texts and nobody who writes a value can
know the mark in advance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import yaml

from vigilbot.errors import BadPrompt

BOUNDARY = "boundary"

VARIABLES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "identify": frozenset({"scope", "dialogue", "newest"}),
        "rewrite": frozenset({"dialogue", "newest"}),
        "answer": frozenset({"dialogue", "question", "passages"}),
        "review": frozenset({"dialogue", "question", "answer", "passages"}),
        "extract": frozenset({"dialogue", "question"}),
    }
)
"""Every prompt, and the variables that the code gives it."""

OWN_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
"""The project's own prompts."""

_PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]{0,39})\}\}")
_FENCE = "---"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One prompt. `version` is what its author says, `digest` is of the file's text as it is."""

    name: str
    version: str
    variables: Mapping[str, str]  # name: what it is
    template: str
    digest: str

    @property
    def revision(self) -> str:
        """What a trace records: the version, and a digest that tells an edited file from the original."""
        return f"{self.version}-{self.digest}"

    def render(self, **values: str) -> str:
        """The text with the values in it. Raises BadPrompt unless exactly the variables are given."""
        if values.keys() != self.variables.keys():
            wrong = sorted(values.keys() ^ self.variables.keys())
            raise BadPrompt(
                f"'{self.name}' was rendered with a missing or unknown variable: {', '.join(wrong)}",
                remedy="Report this: it is a defect of the program",
            )
        given = {**values, BOUNDARY: _boundary(values)}
        return _PLACEHOLDER.sub(lambda found: given[found[1]], self.template)


def load_prompts(folder: Path = OWN_FOLDER) -> Mapping[str, Prompt]:
    """Every prompt that VARIABLES names, by name. Raises BadPrompt with file and line."""
    prompts = {name: load_prompt(folder / f"{name}.md", wanted) for name, wanted in VARIABLES.items()}
    return MappingProxyType(prompts)


def load_prompt(path: Path, wanted: frozenset[str]) -> Prompt:
    """A prompt whose variables are exactly `wanted`, each declared and each used.

    Raises BadPrompt with file and line.
    """
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or type(error).__name__})"
        raise BadPrompt(problem, place=str(path), remedy="Restore the file or set prompts.dir") from error
    except UnicodeDecodeError as error:
        raise BadPrompt("is not UTF-8", place=str(path), remedy="Save it as UTF-8") from error
    lines = raw.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != _FENCE or _FENCE not in (line.strip() for line in lines[1:]):
        remedy = f"Begin with {_FENCE}, version and variables, {_FENCE}"
        raise BadPrompt("has no front matter", place=f"{path}:1", remedy=remedy)
    end = next(n for n, line in enumerate(lines) if n and line.strip() == _FENCE)
    version, declared = _front_matter(path, "\n".join(lines[1:end]))
    template = "\n".join(lines[end + 1 :]).strip("\n") + "\n"
    skipped = end + 1 + next((n for n, line in enumerate(lines[end + 1 :]) if line), 0)
    _check_text(path, template, skipped, frozenset(declared))
    _check_names(path, {name: line for name, (_, line) in declared.items()}, template, wanted)
    return Prompt(
        name=path.stem,
        version=version,
        variables=MappingProxyType({name: about for name, (about, _) in declared.items()}),
        template=template,
        digest=sha256(template.encode()).hexdigest()[:8],
    )


def _front_matter(path: Path, text: str) -> tuple[str, dict[str, tuple[str, int]]]:
    """The version, and each declared variable with its description and line."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        problem = f"the front matter is not YAML ({error.problem})"
        raise BadPrompt(problem, place=f"{path}:{line}", remedy="Check colons and quotes") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise BadPrompt("the front matter is not YAML", place=f"{path}:1", remedy="Check it") from error
    found = _keys(path, root, 1)
    remedy = "The front matter has the keys version and variables"
    for key, node in found.items():
        if key not in ("version", "variables"):
            raise BadPrompt(f"unknown key '{key[:80]}'", place=_place(path, node), remedy=remedy)
    for key in ("version", "variables"):
        if key not in found:
            raise BadPrompt(f"has no '{key}'", place=f"{path}:1", remedy=remedy)
    version = found["version"].value
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        problem = "the version is not a short word"
        raise BadPrompt(problem, place=_place(path, found["version"]), remedy="Write for instance version: 2")
    declared = _keys(path, found["variables"], found["variables"].start_mark.line + 1)
    return version, {name: (str(node.value), node.start_mark.line + 2) for name, node in declared.items()}


def _keys(path: Path, node: yaml.Node | None, line: int) -> dict[str, yaml.Node]:
    """A mapping's values by key. `line` is where to point when it is none."""
    if not isinstance(node, yaml.MappingNode):
        place = _place(path, node) if node else f"{path}:{line}"
        raise BadPrompt("is not a mapping", place=place, remedy="Write name: value, one a line")
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if str(key.value) in found:
            problem = f"'{str(key.value)[:80]}' stands here twice"
            raise BadPrompt(problem, place=_place(path, key), remedy="Keep one of them")
        found[str(key.value)] = value
    return found


def _check_text(path: Path, template: str, skipped: int, declared: frozenset[str]) -> None:
    """Every `{{` belongs to a placeholder of a declared variable."""
    for number, line in enumerate(template.split("\n"), start=skipped + 1):
        known = _PLACEHOLDER.findall(line)
        if line.count("{{") != len(known):
            raise BadPrompt(
                "'{{' without a variable's name and '}}'",
                place=f"{path}:{number}",
                remedy="Write {{name}}; braces of JSON are written { {",
            )
        for name in known:
            if name not in declared and name != BOUNDARY:
                remedy = f"Declare it in the front matter or use one of {_listed(declared | {BOUNDARY})}"
                raise BadPrompt(f"unknown variable '{name}'", place=f"{path}:{number}", remedy=remedy)


def _check_names(path: Path, lines: Mapping[str, int], template: str, wanted: frozenset[str]) -> None:
    """Declared, used and given by the code are the same names."""
    used = set(_PLACEHOLDER.findall(template))
    for name, line in lines.items():
        if name not in wanted:
            remedy = f"This prompt is given {_listed(wanted)}"
            raise BadPrompt(f"unknown variable '{name}'", place=f"{path}:{line}", remedy=remedy)
        if name not in used:
            problem = f"the variable '{name}' is declared and never used"
            raise BadPrompt(problem, place=f"{path}:{line}", remedy=f"Put {{{{{name}}}}} where it belongs")
    for name in sorted(wanted - lines.keys()):
        remedy = f"This prompt must use {_listed(wanted)}"
        raise BadPrompt(f"missing variable '{name}'", place=f"{path}:1", remedy=remedy)


def _boundary(values: Mapping[str, str]) -> str:
    """A mark that depends on every value and stands in none."""
    text = "\0".join(f"{name}\0{values[name]}" for name in sorted(values))
    mark = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    while mark in text:
        mark = sha256(mark.encode()).hexdigest()[:12]
    return mark


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 2}"
