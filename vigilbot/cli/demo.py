"""``vigilbot demo``: the product in a minute, without an account."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option("--headless", is_flag=True, help="Play the story in the terminal. The only form so far.")
def demo(headless: bool) -> None:
    """Play an on-call written for the project through the real bot, from empty knowledge."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.text import Text

    from vigilbot.demo import play
    from vigilbot.errors import BadInput
    from vigilbot.settings import Settings

    if not headless:
        raise BadInput("there is no page yet", place="vigilbot demo", remedy="Use `vigilbot demo --headless`")
    console = Console(highlight=False)

    def out(kind: str, text: str) -> None:
        if kind == "heading":
            console.print()
            console.print(Text(text, style="bold"))
        elif kind == "card":
            console.print(
                Padding(
                    Panel(Text(text), border_style="cyan", width=min(console.width - 6, 96)), (0, 0, 0, 6)
                )
            )
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
