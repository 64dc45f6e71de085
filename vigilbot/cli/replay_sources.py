"""Where ``vigilbot replay`` reads a history from: an export's files, a Slack channel, a Lark chat."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.platforms.replay import Export
    from vigilbot.serve.named import Named
    from vigilbot.settings import Settings

DAYS = 90
_CHAT = re.compile(r"((?:slack|lark|feishu)(?:/[a-z0-9_-]+)?):(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which part of it. ``shared``: as Slack wants it of apps that others made; ``limit``: conversations."""

    days: int | None
    shared: bool
    channels: tuple[str, ...]
    limit: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Live:
    """Chats to be read, by name or id."""

    named: Named
    names: list[str]
    settings: Settings
    progress: TerminalProgress
    asked: Asked

    @property
    def folder(self) -> Path:
        return self.settings.data.dir / "history"

    @property
    def days(self) -> int:
        return DAYS if self.asked.days is None else self.asked.days


def read_source(source: str, settings: Settings, progress: TerminalProgress, asked: Asked) -> Export:
    """Raises BadInput."""
    from vigilbot.platforms.replay import read_export
    from vigilbot.serve.named import named_chats

    chat = _CHAT.fullmatch(source)
    if asked.shared and (chat is None or not chat[1].startswith("slack")):
        raise BadInput("--shared-app", remedy="It is for slack:#channel; an export is read whole")
    if chat is None:
        if asked.days is not None:
            raise BadInput(
                f"--days {asked.days}",
                remedy="It is for slack:#channel and lark:CHAT; an export is read whole",
            )
        return read_export(Path(source), channels=asked.channels, limit=asked.limit)
    [named] = named_chats([chat[1]])
    names = [name for name in (chat[2].strip(), *asked.channels) if name.strip("# ")]
    slack = named.platform == "slack"
    if not names:
        what, example = ("channel", "#support") if slack else ("chat", "Support")
        raise BadInput(f"no {what}", place=source, remedy=f"Name one: {named}:{example}")
    live = _Live(named=named, names=names, settings=settings, progress=progress, asked=asked)
    return asyncio.run(_from_slack(live) if slack else _from_lark(live))


async def _from_slack(live: _Live) -> Export:
    from vigilbot.platforms.slack_client import SlackClient
    from vigilbot.platforms.slack_history import read_history
    from vigilbot.providers.clock import SystemClock
    from vigilbot.serve.slack import BOT_TOKEN

    variable = live.named.variable(BOT_TOKEN)
    token = os.environ.get(variable, "").strip()
    if not token:
        remedy = "Set it to the app's Bot User OAuth Token, which begins with xoxb-"
        raise BadInput("not set", place=variable, remedy=remedy)
    known = live.settings.slack
    client = SlackClient(
        token=token,
        base_url=known.base_url,
        timeout=known.timeout,
        shared_history=live.asked.shared or known.history == "shared",
    )
    client.open()
    try:
        return await read_history(
            client,
            channels=live.names,
            days=live.days,
            now=SystemClock().now(),
            folder=live.folder,
            phase=live.progress.phase,
            limit=live.asked.limit,
        )
    finally:
        await client.close()


async def _from_lark(live: _Live) -> Export:
    from vigilbot.platforms.lark_client import LarkClient
    from vigilbot.platforms.lark_history import LarkReading, read_lark_history
    from vigilbot.providers.clock import SystemClock
    from vigilbot.serve.lark import HOSTS, lark_secrets

    known = replace(live.settings.lark, mode="socket")  # events are not needed, nor their secrets
    secrets = lark_secrets(replace(live.settings, lark=known), os.environ, live.named)
    client = LarkClient(
        app_id=secrets.app_id,
        app_secret=secrets.app_secret,
        base_url=known.base_url or HOSTS[live.named.platform],
        timeout=known.timeout,
    )
    client.open()
    reading = LarkReading(client=client, clock=SystemClock(), folder=live.folder, phase=live.progress.phase)
    try:
        return await read_lark_history(reading, chats=live.names, days=live.days, limit=live.asked.limit)
    finally:
        await client.close()
