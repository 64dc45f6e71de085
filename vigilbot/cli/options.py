"""The options that say which installation a command is about, the same for every command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vigilbot.logs import set_up
from vigilbot.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])

USUAL = Path("config/vigilbot.yaml")
A_PATH = click.Path(path_type=Path)


def installation(command: F) -> F:
    """Adds ``--config`` and ``--data``, handed over as ``config`` and ``data``."""
    command = click.option(
        "--data",
        type=A_PATH,
        help="Folder of the ledger and the index; wins over data.dir of the configuration.",
    )(command)
    return click.option(
        "--config", type=A_PATH, help=f"Configuration file; default: {USUAL} if it is there."
    )(command)


def settings_of(config: Path | None, data: Path | None, **options: str) -> Settings:
    """The settings in force: file, then environment, then options by dotted name. Raises BadSettings.

    From here on the log on standard error shows what ``log.level`` says.
    """
    if data is not None:
        options["data.dir"] = str(data)
    settings = load(config_file(config), os.environ, options)
    set_up(level=settings.log.level, form=settings.log.form)
    return settings


def config_file(config: Path | None) -> Path | None:
    if config is None and USUAL.is_file():
        return USUAL
    return config
