"""The documents follow the code: settings, commands, prompts, outcomes, links. Nothing private gets in."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from vigilbot.domain import DeliveryState, Outcome, Result
from vigilbot.evals import ablation, check, identify, learning, replay_report
from vigilbot.prompts import load_prompts
from vigilbot.settings.documents import with_table, yaml_file

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(path for path in ROOT.glob("*.md"))
EXPECTED = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md")

# Places that exist on one machine only, and the hosts and options of package registries.
PRIVATE = re.compile(
    r"(?<![\w.])/(?:work|tmp|farm|root|home/\w+|Users/\w+)/|[.][.]/shared/"
    r"|(?:index|registry)[-_=]url|find-links"
    r"|pypi[.]org|pythonhosted[.]org|download[.]pytorch[.]org|registry[.]npmjs|conda[.]anaconda"
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
FENCED = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def everything() -> str:
    return "\n".join(text_of(path) for path in DOCUMENTS)


def missing(names: list[str], said: str) -> list[str]:
    """The names that no document shows in backticks, alone or at the beginning."""
    return [name for name in names if not re.search(rf"`{re.escape(name)}[` (\[]", said)]


def test_the_documents_are_there() -> None:
    assert [name for name in EXPECTED if not (ROOT / name).is_file()] == []


def test_the_configuration_file_is_what_the_settings_say() -> None:
    assert text_of(ROOT / "config" / "vigilbot.yaml") == yaml_file(), "make docs writes it"


def test_the_readme_has_the_table_of_settings() -> None:
    readme = text_of(ROOT / "README.md")
    assert with_table(readme) == readme, "make docs writes it"


def commands(command: click.Command, path: str) -> Iterator[str]:
    """The command and all below it, as a person types them; a group itself is no command."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command, info_name=path)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, f"{path} {name}")


@pytest.fixture(scope="module")
def known_commands() -> list[str]:
    return list(commands(import_module("vigilbot.__main__").root, "vigilbot"))


def test_every_command_is_described(known_commands: list[str]) -> None:
    assert "vigilbot replay" in known_commands
    assert missing(known_commands, everything()) == []


def test_make_calls_commands_that_exist(known_commands: list[str]) -> None:
    called = re.findall(r"bin/vigilbot ([a-z]+)", text_of(ROOT / "Makefile"))
    assert "demo" in called
    assert {f"vigilbot {name}" for name in called} - {
        " ".join(c.split()[:2]) for c in known_commands
    } == set()


def test_every_prompt_and_variable_is_described() -> None:
    prompts = load_prompts()
    variables = {name for prompt in prompts.values() for name in prompt.variables}
    assert missing([f"prompts/{name}.md" for name in prompts], everything()) == []
    assert missing([f"{{{{{name}}}}}" for name in sorted(variables)], everything()) == []


@pytest.mark.parametrize("kind", [Outcome, Result, DeliveryState])
def test_every_outcome_is_described(kind: type[Outcome] | type[Result] | type[DeliveryState]) -> None:
    assert missing(list(kind), everything()) == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert targets >= {"help", "install", "demo", "test", "check", "format", "bench", "train", "clean"}
    named = re.findall(r"(?:`|^\s*|\$ )make ([a-z]+)\b", everything(), re.MULTILINE)
    assert "test" in named
    assert set(named) - targets == set()


def anchors(path: Path) -> set[str]:
    """The names that headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCED.sub("", text_of(path))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def rows_of(path: Path, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = re.split(r"^## ", text_of(path), flags=re.MULTILINE)
    [found] = [each for each in part if each.startswith(f"{heading}\n")]
    lines = re.findall(r"^\|(.+)\|$", found, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]


def proofs(cell: str) -> list[Path]:
    return [ROOT / target for target in LINK.findall(cell) if target.startswith("tests/")]


def test_every_promise_has_its_limit_and_its_tests() -> None:
    rows = rows_of(ROOT / "README.md", "What it promises")
    assert [row[0] for row in rows] == [f"P{n}" for n in range(1, 8)]
    for _, promise, limit, kept in rows:
        assert promise
        assert limit
        assert proofs(kept), promise
        assert all(path.is_file() for path in proofs(kept)), promise


def test_every_threat_has_a_control_and_a_test() -> None:
    rows = rows_of(ROOT / "SECURITY.md", "Who could want what")
    assert len(rows) >= 12
    for asset, attacker, control, test in rows:
        assert attacker, asset
        assert control, asset
        assert proofs(test), asset
        assert all(path.is_file() for path in proofs(test)), asset


def tracked() -> list[Path]:
    """The project's files, those about to be added included; without git, all that are not ignored."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and (ROOT / ".git").exists():
        return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    ignored = {line.strip("/ ") for line in text_of(ROOT / ".gitignore").splitlines()} | {".git"}
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(part in ignored or part.endswith(".egg-info") for part in path.relative_to(ROOT).parts)
        and path.suffix not in {".pyc", ".pyo"}
    ]


def private(text: str) -> list[str]:
    return [line.strip()[:120] for line in text.splitlines() if PRIVATE.search(line)]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {}
    for path in tracked():
        try:
            lines = private(text_of(path))
        except UnicodeDecodeError:
            continue  # pictures and coefficients
        if lines and path != Path(__file__).resolve():
            found[str(path.relative_to(ROOT))] = lines
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "see /work/main/x",
        "cd /tmp/team",
        '"/home/ann/x"',
        "../shared/data",
        "--extra-index-url x",
        "PIP_INDEX_URL=x".lower(),
        "https://pypi.org/simple",
        "https://download.pytorch.org/whl/cpu",
    ],
)
def test_a_private_place_is_found(text: str) -> None:
    assert private(f"first\n{text}\n") == [text]
    assert private("see docs/work/x, a/tmp/b, https://www.apache.org/licenses/ and tmp_path / 'x'") == []


def test_every_figure_of_the_json_is_explained() -> None:
    named = [*replay_report.FIGURES, *ablation.FIGURES, *check.FIGURES, *identify.FIGURES, *learning.FIGURES]
    assert missing(named, text_of(ROOT / "README.md")) == []
