"""`vigilbot doctor` on the chats that settings name: each by its name, with secrets of its own."""

from __future__ import annotations

from pathlib import Path

from vigilbot.doctor import Check, Status
from vigilbot.platforms.slack_manifest import wanted
from vigilbot.serve.checks import premises_of
from vigilbot.settings import load
from vigilbot.workspace import Workspace
from vigilbot.workspace.lark import LarkTenant


async def looked(folder: Path, environ: dict[str, str], **options: str) -> dict[str, Check]:
    given = {"data.dir": str(folder), "embedder.model": "hash", "platform.connect": "slack"}
    settings = load(options=given | {name.replace("__", "."): value for name, value in options.items()})
    platform = premises_of(settings, environ).platform
    assert platform is not None
    return {check.name: check for check in await platform()}


async def test_each_chat_is_checked_under_its_name_with_its_own_secrets(tmp_path: Path) -> None:
    permissions, subscriptions = wanted()
    scopes, events = [p.scope for p in permissions], [s.event for s in subscriptions]
    async with Workspace(scopes=scopes, events=events) as acme, LarkTenant() as beta:
        environ = {
            "SLACK_BOT_TOKEN_ACME": acme.bot_token,
            "SLACK_APP_TOKEN_ACME": acme.app_token,
            "LARK_APP_ID_BETA": beta.app_id,
            "LARK_APP_SECRET_BETA": beta.app_secret,
        }
        found = await looked(
            tmp_path,
            environ,
            platform__connect="slack/acme, lark/beta, lark/gone",
            slack__base_url=acme.api_url,
            lark__base_url=beta.url,
        )
    assert found["Slack bot token (acme)"].status is Status.OK
    assert found["Lark permissions (beta)"].status is Status.OK
    assert found["Lark (gone)"].status is Status.FAILED
    assert "LARK_APP_ID_GONE is not set" in found["Lark (gone)"].found
    assert "Slack permissions" not in found


async def test_without_any_chat_set_up_only_that_is_said(tmp_path: Path) -> None:
    found = await looked(tmp_path, {})
    assert {name: check.status for name, check in found.items()} == {"Slack": Status.OK}
    lark = await looked(tmp_path, {}, platform__connect="lark")
    assert lark["Lark"].status is Status.FAILED
