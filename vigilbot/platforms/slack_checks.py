"""Is Slack ready for the bot? Tokens, permissions, the connection, membership, history. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final, Literal

from vigilbot.errors import PlatformError
from vigilbot.platforms.findings import Finding
from vigilbot.platforms.payloads import list_in, text_in
from vigilbot.platforms.slack_client import SlackClient, SlackRefusal, proxy_in_use
from vigilbot.platforms.slack_manifest import PERMISSIONS, wanted

INSTALL: Final = "Take the output of `vigilbot manifest` over into the app's page and install it again."
OPTIONS: Final = {"private": "private channels", "direct": "direct messages", "files": "pictures"}


async def check_slack(
    *,
    bot_token: str,
    app_token: str,
    signing_secret: str,
    mode: Literal["socket", "http"],
    base_url: str,
    seconds: float,
) -> list[Finding]:
    """A check that fails stops only those that need what it tried; each call takes so many ``seconds``."""
    client = SlackClient(token=bot_token, base_url=base_url, timeout=seconds)
    client.open()
    try:
        return [finding async for finding in _findings(client, app_token, signing_secret, mode)]
    finally:
        await client.close()


async def _findings(
    client: SlackClient, app_token: str, signing_secret: str, mode: Literal["socket", "http"]
) -> AsyncIterator[Finding]:
    if proxy := proxy_in_use(client.base_url):
        yield Finding(
            "Slack proxy",
            "warning",
            f"requests go through the proxy that {proxy} names",
            "Unset it, or add slack.com to NO_PROXY, if Slack can be reached directly.",
        )
    try:
        me = await client.write("auth.test")
    except PlatformError as error:
        yield Finding("Slack bot token", "failed", str(error), f"Check SLACK_BOT_TOKEN. {INSTALL}")
    else:
        who = f"{text_in(me, 'user')} in {text_in(me, 'team') or text_in(me, 'team_id')}"
        yield Finding("Slack bot token", "ok", who)
        yield await _permissions(client)
        async for finding in _channels(client):
            yield finding
    yield await _connection(client, app_token, signing_secret, mode)


async def _permissions(client: SlackClient) -> Finding:
    try:
        given = await client.scopes()
    except PlatformError as error:
        return Finding("Slack permissions", "warning", str(error), "Try again.")
    required = {permission.scope for permission in wanted()[0]}
    if missing := sorted(required - given):
        return Finding("Slack permissions", "failed", f"missing: {', '.join(missing)}", INSTALL)
    optional = {p.option for p in PERMISSIONS if p.option and p.scope in given}
    partly = sorted(p.scope for p in PERMISSIONS if p.option in optional and p.scope not in given)
    if partly:
        return Finding("Slack permissions", "warning", f"missing: {', '.join(partly)}", INSTALL)
    extras = [what for option, what in OPTIONS.items() if option in optional]
    return Finding("Slack permissions", "ok", ", ".join(["public channels", *extras]))


async def _channels(client: SlackClient) -> AsyncIterator[Finding]:
    try:
        page = await client.read(
            "users.conversations", types="public_channel", exclude_archived=True, limit=200
        )
    except PlatformError as error:
        yield Finding("Slack channels", "failed", str(error), INSTALL)
        return
    channels = [record for record in list_in(page, "channels") if isinstance(record, Mapping)]
    if not channels:
        yield Finding(
            "Slack channels", "warning", "the bot is in no public channel", "/invite it to a channel."
        )
        return
    names = [f"#{text_in(record, 'name') or text_in(record, 'id')}" for record in channels]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    yield Finding("Slack channels", "ok", ", ".join(names[:5]) + more)
    channel = text_in(channels[0], "id")
    for what, method, place in (
        ("history", "conversations.history", {}),
        ("threads", "conversations.replies", {"ts": ""}),
    ):
        yield await _readable(client, f"Slack {what}", method, channel, place)


async def _readable(
    client: SlackClient, name: str, method: str, channel: str, place: Mapping[str, str]
) -> Finding:
    """Whether messages missed while the bot was away can be read."""
    try:
        if "ts" in place:
            newest = list_in(await client.read("conversations.history", channel=channel, limit=1), "messages")
            if not newest or not isinstance(newest[0], Mapping):
                return Finding(name, "ok", "nothing to read yet")
            place = {"ts": text_in(newest[0], "thread_ts") or text_in(newest[0], "ts")}
        await client.read(method, channel=channel, limit=1, **place)
    except SlackRefusal as error:
        return Finding(
            name,
            "warning",
            str(error),
            "Without it, messages sent while the bot is away are missed. " + INSTALL,
        )
    except PlatformError as error:
        return Finding(name, "warning", str(error), "Try again.")
    return Finding(name, "ok", "can be read")


async def _connection(
    client: SlackClient, app_token: str, signing_secret: str, mode: Literal["socket", "http"]
) -> Finding:
    if mode == "http":
        if not signing_secret.strip():
            return Finding(
                "Slack signing secret",
                "failed",
                "SLACK_SIGNING_SECRET is not set",
                "Copy it from the app's page, Basic Information.",
            )
        return Finding("Slack signing secret", "ok", "set; the first event will show whether it is right")
    try:
        await client.open_socket(app_token)
    except PlatformError as error:
        return Finding(
            "Slack connection",
            "failed",
            str(error),
            "SLACK_APP_TOKEN must be an app-level token with the scope connections:write, and Socket Mode "
            "be turned on, on the app's page.",
        )
    return Finding("Slack connection", "ok", "Socket Mode can be opened")
