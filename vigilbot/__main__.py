"""The command line: one table of commands, each in a module that is imported when it is called."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from vigilbot.errors import BadInput, VigilBotError

TERMINATED = 128  # and the signal's number: what a shell reports of a program that was told to end
INTERRUPTED = 130  # what a shell reports of a program that was stopped with Ctrl-C


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a click command lives (``module:name``) and its line in ``vigilbot --help``."""

    target: str
    summary: str

    def load(self) -> click.Command:
        module, _, name = self.target.partition(":")
        command = getattr(import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a click command")
        return command


COMMANDS: Mapping[str, LazyCommand] = MappingProxyType(
    {
        "demo": LazyCommand(
            "vigilbot.cli.demo:demo", "Try the bot in a browser, in a workspace on this machine."
        ),
        "replay": LazyCommand(
            "vigilbot.cli.replay:replay", "Live through a team's own Slack export before inviting the bot."
        ),
        "manifest": LazyCommand(
            "vigilbot.cli.manifest:manifest", "Print the Slack app's manifest: scopes, events, commands."
        ),
        "run": LazyCommand("vigilbot.cli.run:run", "Run the bot in Slack, Lark or Feishu."),
        "kb": LazyCommand("vigilbot.cli.kb:kb", "See and mend what the bot knows."),
        "backup": LazyCommand(
            "vigilbot.cli.backup:backup", "Copy the ledger into one file, beside a running bot."
        ),
        "restore": LazyCommand("vigilbot.cli.backup:restore", "Put a backup in the ledger's place."),
        "erase": LazyCommand("vigilbot.cli.erase:erase", "Blank what a person wrote, for good."),
        "status": LazyCommand("vigilbot.cli.status:status", "What the bot is doing; does its model answer?"),
        "dead": LazyCommand("vigilbot.cli.dead:dead", "See, retry or drop what was given up."),
        "doctor": LazyCommand(
            "vigilbot.cli.doctor:doctor", "Check all that the bot needs, say how to mend it."
        ),
        "check": LazyCommand(
            "vigilbot.cli.check:check", "Re-run judged answers before a change of model or settings."
        ),
        "eval": LazyCommand(
            "vigilbot.cli.evaluate:evaluate", "Score one judgement on labelled conversations."
        ),
        "calibrate": LazyCommand(
            "vigilbot.cli.calibrate:calibrate", "Find the thresholds that belong to a model."
        ),
        "train": LazyCommand("vigilbot.cli.train:train", "Train the extractive engine's classifiers anew."),
        "bench": LazyCommand("vigilbot.cli.bench:bench", "Measure what BENCHMARKS.md reports."),
    }
)
"""Every command, in the order of the help: first what somebody new wants."""


class Complaint(click.ClickException):
    """A VigilBotError as the command line shows it: one line on standard error, no traceback."""

    def __init__(self, error: VigilBotError) -> None:
        super().__init__(_one_line(str(error)))
        self.wrong_input = isinstance(error, BadInput)

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # the parent's is a constant
        return 2 if self.wrong_input else 1

    def show(self, file: Any = None) -> None:
        click.echo(f"vigilbot: {self.message}", file=file, err=True)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports the one that is called."""

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self._lazy.get(cmd_name)
        return found.load() if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in self._lazy.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VigilBotError as error:
            raise Complaint(error) from error
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise Complaint(_misuse(error)) from error
        except KeyboardInterrupt:
            click.echo("vigilbot: stopped", err=True)
            ctx.exit(INTERRUPTED)


def _misuse(error: click.UsageError) -> VigilBotError:
    """What click says in four lines, in one."""
    command = error.ctx.command_path if error.ctx else "vigilbot"
    problem = error.format_message().rstrip(".")
    place = command.partition(" ")[2]  # the complaint begins with the program's name
    return BadInput(problem, place=place, remedy=f"See `{command} --help`")


def _one_line(text: str) -> str:
    """Nothing in a message, a file's name included, may break the line or command the terminal."""
    from vigilbot.text import clean

    return " ".join(clean(text).split())


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"vigilbot {version('vigilbot')}")
    except PackageNotFoundError:
        click.echo("vigilbot, run from its source without being installed")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Say which version.",
)
def root() -> None:
    """Answers in support conversations before a human has to, cites its sources, and learns.

    Exit code: 0 when all is well, 1 when something failed, 2 when something given was wrong,
    130 when stopped with Ctrl-C.
    """


def _end(number: int, _: object) -> None:
    raise SystemExit(TERMINATED + number)


def main() -> None:
    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is signal.SIG_DFL:  # nohup ignores SIGHUP, and that stands
            signal.signal(name, _end)  # the end unwinds: nothing half-written stays behind
    # Many small products: two threads on a busy machine take ten times as long as one. Read once, by numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows another; it is no reason to stop.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    root(prog_name="vigilbot")


if __name__ == "__main__":
    main()
