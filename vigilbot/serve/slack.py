"""The connection to Slack, opened from settings and the environment's secrets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession

from vigilbot.errors import BadInput
from vigilbot.platforms.slack import PATH, SlackAdapter
from vigilbot.platforms.slack_files import SlackFiles
from vigilbot.ports import Clock
from vigilbot.serve.named import Named
from vigilbot.settings import Settings

SLACK = Named(platform="slack")
BOT_TOKEN, APP_TOKEN, SIGNING_SECRET = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"
APPS = "https://api.slack.com/apps"
_WHERE = {
    BOT_TOKEN: "OAuth & Permissions, Bot User OAuth Token",
    APP_TOKEN: "Basic Information, App-Level Tokens, with the scope connections:write",
    SIGNING_SECRET: "Basic Information, App Credentials",
}
_BEGINS = {BOT_TOKEN: "xoxb-", APP_TOKEN: "xapp-"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackSecrets:
    """``app_token`` is "" in mode http, ``signing_secret`` in mode socket."""

    bot_token: str = field(repr=False)
    app_token: str = field(repr=False)
    signing_secret: str = field(repr=False)


def slack_secrets(settings: Settings, environ: Mapping[str, str], named: Named = SLACK) -> SlackSecrets:
    """Raises BadInput that names the variable and the page where its value stands."""
    wanted = (BOT_TOKEN, APP_TOKEN if settings.slack.mode == "socket" else SIGNING_SECRET)
    found = {name: environ.get(named.variable(name), "").strip() for name in wanted}
    for name, value in found.items():
        place = f"environment variable {named.variable(name)}"
        remedy = f"It stands at {APPS}, in your app under {_WHERE[name]}; `vigilbot manifest` makes the app"
        if not value:
            raise BadInput("is not set", place=place, remedy=remedy)
        begins = _BEGINS.get(name, "")
        if not value.startswith(begins):
            raise BadInput(
                f"does not begin with {begins}: this is another kind of token",
                place=place,
                remedy=remedy,
            )
    return SlackSecrets(
        bot_token=found[BOT_TOKEN],
        app_token=found.get(APP_TOKEN, ""),
        signing_secret=found.get(SIGNING_SECRET, ""),
    )


def slack_chat(
    settings: Settings, secrets: SlackSecrets, named: Named = SLACK, *, clock: Clock
) -> SlackAdapter:
    """Not connected yet."""
    known = settings.slack
    return SlackAdapter(
        bot_token=secrets.bot_token,
        app_token=secrets.app_token,
        signing_secret=secrets.signing_secret,
        mode=known.mode,
        base_url=known.base_url,
        timeout=known.timeout,
        ping=known.ping,
        grace=known.grace,
        history=known.history,
        clock=clock,
        path=named.path(PATH),
    )


@asynccontextmanager
async def slack_pictures(settings: Settings, secrets: SlackSecrets) -> AsyncIterator[SlackFiles]:
    """Reads the pictures that people attach, for models that can see."""
    async with ClientSession(trust_env=True) as session:
        yield SlackFiles(
            session,
            token=secrets.bot_token,
            base_url=settings.slack.base_url,
            seconds=settings.slack.timeout,
        )
