"""``vigilbot run``: the bot in Slack, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import installation, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


@click.command()
@installation
def run(config: Path | None, data: Path | None) -> None:
    """Run the bot in Slack, until Ctrl-C or SIGTERM.

    The tokens come from the environment: SLACK_BOT_TOKEN, and SLACK_APP_TOKEN for slack.mode socket or
    SLACK_SIGNING_SECRET for http; `vigilbot manifest` prints the app they belong to. On being told to stop
    it finishes what runs and ends within 30 seconds with exit code 0; what is not done stands in the ledger
    and is done at the next start.
    """
    from vigilbot.serve.slack import slack_secrets

    settings = settings_of(config, data)
    secrets = slack_secrets(settings, os.environ)  # what is missing is told before anything heavy is loaded

    async def serving(stop: asyncio.Event) -> None:
        from vigilbot.providers.clock import SystemClock
        from vigilbot.serve import Service, keep_what_is_loaded
        from vigilbot.serve.slack import slack_chat, slack_pictures

        clock = SystemClock()
        async with slack_pictures(settings, secrets) as files:
            service = Service(
                settings=settings,
                chat=slack_chat(settings, secrets, clock=clock),
                clock=clock,
                pictures=files.picture,
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
