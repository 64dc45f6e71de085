"""``vigilbot demo``: the product in a minute, without an account."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import A_PATH
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigilbot.domain import Event

USUAL_PORT = 8421
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@click.command()
@click.option("--headless", is_flag=True, help="Tell the story in the terminal; no page, no waiting.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help=f"Port of the page; 0 for a free one. Default: {USUAL_PORT}, or a free one.",
)
@click.option("--no-browser", is_flag=True, help="Only print the page's address.")
@click.option(
    "--export", type=A_PATH, help="Play this Slack export (a folder or .zip) instead of the written story."
)
@click.option(
    "--speed", type=float, default=60.0, show_default=True, help="How many times as fast as it was."
)
@click.option(
    "--platform",
    type=click.Choice(["slack", "lark"]),
    default="slack",
    show_default=True,
    help="Whose chat the page shows.",
)
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Of the story and of the bot's own words; zh on Lark only.",
)
def demo(
    headless: bool,
    port: int | None,
    no_browser: bool,
    export: Path | None,
    speed: float,
    platform: str,
    language: str,
) -> None:
    """Try the bot in a browser: a workspace on this machine with the real bot in it, knowing nothing yet.

    Play the written story, step through it, or type what you like as anybody: customer, analyst, outsider,
    operator. No account, no key, no network. It serves until Ctrl-C and keeps nothing.
    """
    if headless:
        if export is not None:
            raise BadInput("--export needs the page", place="demo", remedy="`vigilbot replay` has a report")
        _told()
        return
    if language != "en" and platform != "lark":
        raise BadInput(f"--language {language}", place="demo", remedy="Add --platform lark")
    if not 0 < speed < float("inf"):
        raise BadInput(f"--speed {speed:g}", place="demo", remedy="Give a number above 0, for instance 60")
    for name in PROXIES:  # the vendor's library would send even this machine's own requests through a proxy
        os.environ.pop(name, None)
    from vigilbot.cli.run import until_told

    events, peers = _exported(export) if export is not None else ((), False)

    async def serving(stop: asyncio.Event) -> None:
        from vigilbot.demo.live import Live, free_port
        from vigilbot.demo.story import STORY
        from vigilbot.demo.story_zh import STORY_ZH
        from vigilbot.demo.venue import LarkVenue, SlackVenue

        click.echo("Starting: the embedding model takes some seconds to load …", err=True)
        taken = free_port(USUAL_PORT) if port is None else port
        live = Live(
            port=taken,
            export=events,
            speed=speed,
            peers_are_analysts=peers,
            venue=LarkVenue(language=language) if platform == "lark" else SlackVenue(),
            story=STORY_ZH if language == "zh" else STORY,
        )
        await live.run(stop, at=lambda url: _say(url, browser=not no_browser))

    until_told(serving)


def _say(url: str, *, browser: bool) -> None:
    click.echo(f"VigilBot's workspace: {url}   (Ctrl-C ends it)")
    sys.stdout.flush()
    shown = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if browser and shown:
        import threading
        import webbrowser

        # Starting a browser can take seconds, and the page has to be served meanwhile.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _exported(path: Path) -> tuple[Sequence[Event], bool]:
    """The export's events, and whether everybody who helps there counts as an analyst."""
    from vigilbot.platforms.replay import read_export
    from vigilbot.replay import knows_analysts
    from vigilbot.settings import Settings

    read = read_export(path)
    return read.events, not knows_analysts(read.events, Settings())


def _told() -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    from vigilbot.demo import play
    from vigilbot.settings import Settings

    console = Console(highlight=False)

    def out(kind: str, text: str) -> None:
        if kind == "heading":
            console.print()
            console.print(Text(text, style="bold"))
        elif kind == "card":
            box = Panel(Text(text), border_style="cyan", width=min(console.width - 6, 96))
            console.print(Padding(box, (0, 0, 0, 6)))
        elif kind == "learned":
            console.print(Padding(Text(f"knows now: {text}", style="green"), (0, 0, 0, 6)))
        elif kind == "wait":
            console.print(Text(text, style="dim"))
        else:
            console.print(Text(text))

    console.print(
        "Customers ask in #support, Sam is the analyst. The bot starts knowing nothing and runs its "
        "extractive engine: no language model, no key, no network."
    )
    asyncio.run(play(Settings(), out))
