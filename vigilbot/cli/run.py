"""``vigilbot run``: the bot in its chats, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.logs import tell_of_work

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


@click.command()
@installation
def run(config: Path | None, data: Path | None) -> None:
    """Run the bot in the chats that platform.connect names, until Ctrl-C or SIGTERM.

    The secrets come from the environment. Slack: SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for slack.mode socket
    or SLACK_SIGNING_SECRET for http; `vigilbot manifest` prints the app they belong to. Lark and Feishu:
    LARK_APP_ID and LARK_APP_SECRET; config/lark.md says how the app is made. On being told to stop
    it finishes what runs and ends within 30 seconds with exit code 0; what is not done stands in the ledger
    and is done at the next start.
    """
    from vigilbot.providers.packages import refuse_known_bad
    from vigilbot.serve.chats import secrets_of

    refuse_known_bad()
    settings = settings_of(config, data)
    tell_of_work(settings.log.level)
    secrets = secrets_of(settings, os.environ)  # what is missing is told before anything heavy is loaded

    async def serving(stop: asyncio.Event) -> None:
        from vigilbot.providers.clock import SystemClock
        from vigilbot.serve import Service, keep_what_is_loaded
        from vigilbot.serve.chats import opened

        clock = SystemClock()
        async with opened(settings, secrets, clock=clock) as connection:
            service = Service(
                settings=settings,
                chat=connection.chat,
                clock=clock,
                pictures=connection.pictures,
                documents=connection.documents,
                loaded=keep_what_is_loaded,
            )
            await service.run(stop, listening=lambda at: click.echo(f"Health and metrics: {at}", err=True))

    until_told(serving)


def until_told(main: Callable[[asyncio.Event], Coroutine[None, None, None]]) -> None:
    """Runs ``main`` with an event that Ctrl-C and SIGTERM set; a second one breaks off at once."""

    async def act() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        mine = asyncio.current_task()
        assert mine is not None

        def told() -> None:
            if stop.is_set():
                mine.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told)
        try:
            await main(stop)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    try:
        asyncio.run(act())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
