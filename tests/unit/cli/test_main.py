"""The command line itself: what it imports, what it says when something is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click
import pytest
from click.testing import CliRunner

from vigilbot.__main__ import COMMANDS, INTERRUPTED, LazyCommand, LazyGroup, root
from vigilbot.errors import BadInput, LedgerError

HEAVY = (
    "torch",
    "chromadb",
    "litellm",
    "sentence_transformers",
    "sklearn",
    "transformers",
    "numpy",
    "pydantic",
)


def python(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, check=False, timeout=60)


def test_help_works_as_a_module() -> None:
    done = python("-m", "vigilbot", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    "args", [["--help"], ["kb", "--help"], ["kb", "list", "--help"], ["doctor", "--help"]]
)
def test_help_imports_nothing_heavy(args: Sequence[str]) -> None:
    heavy = HEAVY if args == ["--help"] else HEAVY[:6]
    done = python(
        "-c",
        "import sys\n"
        "from vigilbot.__main__ import root\n"
        f"try:\n    root({list(args)!r})\n"
        f"finally:\n    print('imported:', [name for name in {heavy!r} if name in sys.modules])",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_under_its_name(name: str) -> None:
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.help


def test_version() -> None:
    result = CliRunner().invoke(root, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("vigilbot")


def test_an_unknown_command() -> None:
    result = CliRunner().invoke(root, ["kbb"])
    assert result.exit_code == 2
    assert "No such command 'kbb'" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["replay"], "vigilbot: replay: Missing argument 'SOURCE'. See `vigilbot replay --help`\n"),
        (
            ["kb", "list", "--page", "x"],
            "vigilbot: kb list: Invalid value for '--page': 'x' is not a valid integer range. "
            "See `vigilbot kb list --help`\n",
        ),
    ],
)
def test_a_misused_command_is_one_line(args: Sequence[str], said: str) -> None:
    result = CliRunner().invoke(root, args, prog_name="vigilbot")
    assert (result.exit_code, result.stderr, result.stdout) == (2, said, "")


def test_a_group_alone_shows_its_commands() -> None:
    result = CliRunner().invoke(root, ["kb"])
    assert "retract" in result.output


def test_told_to_end_it_unwinds() -> None:
    code = (
        "import os, signal, sys, vigilbot.__main__ as m\n"
        "class Root:\n"
        "    def __call__(self, **_):\n"
        "        try:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "            import time; time.sleep(30)\n"
        "        finally:\n"
        "            print('cleaned up')\n"
        "m.root = Root()\n"
        "m.main()\n"
    )
    done = python("-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleaned up\n", "")


@click.command()
def bad_input() -> None:
    raise BadInput("line\nbroken \x1b[31m", place="file:3", remedy="Mend it")


@click.command()
def failing() -> None:
    raise LedgerError("disk full")


@click.command()
def stopped() -> None:
    raise KeyboardInterrupt


@click.command()
def nested() -> None:
    try:
        raise ValueError("the cause")
    except ValueError as error:
        raise LedgerError from error


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("bad_input", 2, "vigilbot: file:3: line broken [31m. Mend it\n"),
        ("failing", 1, "vigilbot: disk full\n"),
        ("nested", 1, "vigilbot: The ledger could not be read or written.\n"),
        ("stopped", INTERRUPTED, "vigilbot: stopped\n"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(name: str, code: int, said: str) -> None:
    lazy = {
        each: LazyCommand(f"{__name__}:{each}", "") for each in ("bad_input", "failing", "stopped", "nested")
    }
    group = LazyGroup("vigilbot", lazy=lazy)
    result = CliRunner().invoke(group, [name])
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_a_defect_keeps_its_traceback() -> None:
    group = LazyGroup("vigilbot", lazy={"x": LazyCommand("vigilbot.errors:BadInput", "")})
    with pytest.raises(TypeError, match="not a click command"):
        CliRunner().invoke(group, ["x"], catch_exceptions=False)


@pytest.mark.parametrize("name", ["kb", "eval", "train"])
def test_the_list_of_a_group_cuts_no_line(name: str) -> None:
    said = CliRunner().invoke(root, [name, "--help"], terminal_width=80).output
    commands = said.partition("Commands:")[2]
    assert commands.strip()
    assert "..." not in commands
