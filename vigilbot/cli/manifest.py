"""``vigilbot manifest``: the Slack app that the bot is, to be pasted where Slack asks for it."""

from __future__ import annotations

import re

import click

EVENTS = "/slack/events"


@click.command()
@click.option(
    "--http", "url", default="", metavar="URL", help="For slack.mode http: the bot's public https address."
)
@click.option("--private", is_flag=True, help="Private channels, too, where the bot is invited.")
@click.option("--direct", is_flag=True, help="Direct messages to the bot.")
@click.option("--files", is_flag=True, help="Pictures that people attach, for models that can see.")
@click.option("--command", default="/vigil", show_default=True, help="The operators' slash command.")
def manifest(url: str, private: bool, direct: bool, files: bool, command: str) -> None:
    """Print the manifest of the bot's Slack app as YAML.

    Paste it at https://api.slack.com/apps ("Create New App", "From a manifest"). Public channels alone are
    read unless you ask for more.
    """
    from vigilbot.errors import BadInput
    from vigilbot.platforms.slack_manifest import manifest as printed

    if url and not url.startswith("https://"):
        raise BadInput(f"--http {url}: is not an https address", remedy="Slack calls nothing else")
    if not re.fullmatch(r"/[^\s/A-Z]{1,31}", command):
        raise BadInput(
            f"--command {command}: Slack's commands begin with / and have no spaces or capitals",
            remedy="For instance /vigil",
        )
    click.echo(
        printed(
            mode="http" if url else "socket",
            url=url if not url or url.endswith(EVENTS) else url.rstrip("/") + EVENTS,
            command=command,
            private=private,
            direct=direct,
            files=files,
        ),
        nl=False,
    )
