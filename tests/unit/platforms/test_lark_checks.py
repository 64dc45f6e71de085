"""What the doctor finds out about Lark, asked of the local tenant."""

from __future__ import annotations

from typing import Any

import pytest

from vigilbot.platforms.lark_checks import check_lark
from vigilbot.platforms.lark_manifest import PERMISSIONS
from vigilbot.workspace.lark import LarkTenant


async def checked(tenant: LarkTenant, **given: Any) -> dict[str, tuple[str, str]]:
    options: dict[str, Any] = {
        "app_id": tenant.app_id,
        "app_secret": tenant.app_secret,
        "encrypt_key": "",
        "token": "",
        "mode": "socket",
        "base_url": tenant.url,
        "seconds": 5.0,
        "path": "/lark/events",
    }
    found = await check_lark(**options | given)
    assert all(finding.remedy for finding in found if finding.status != "ok")
    return {finding.name: (finding.status, finding.found) for finding in found}


async def test_a_bot_made_as_the_guide_says_is_sound_and_nothing_was_changed() -> None:
    async with LarkTenant() as tenant:
        ana = tenant.add_user("Ana")
        await tenant.invite(tenant.add_chat("support", members=[ana]), by=ana)
        found = await checked(tenant)
        assert {status for status, _ in found.values()} == {"ok"}
        assert found["Lark chats"][1] == "support"
        assert found["Lark bot"][1] == "VigilBot in Company"
        assert {"Lark permissions", "Lark history", "Lark connection", "Lark events"} <= set(found)
        changing = {call.path for call in tenant.api.calls if call.verb != "GET"}
        assert changing == {"/auth/v3/tenant_access_token/internal"}


@pytest.mark.parametrize("permission", PERMISSIONS, ids=lambda each: each.scope)
async def test_every_missing_permission_is_named_with_what_it_is_for(permission: Any) -> None:
    async with LarkTenant() as tenant:
        tenant.api.scopes.discard(permission.scope)
        status, said = (await checked(tenant))["Lark permissions"]
        assert status == ("failed" if permission.needed else "warning")
        assert said == f"missing: {permission.scope} ({permission.why})"


async def test_where_permissions_are_not_listed_they_are_tried() -> None:
    async with LarkTenant() as tenant:
        tenant.faults.fail("/application/v6/scopes", "212100", times=99)
        status, said = (await checked(tenant))["Lark permissions"]
        assert status == "warning"
        assert "im:message.p2p_msg:readonly" in said
        assert "im:chat:readonly" not in said
        tenant.api.scopes.discard("docx:document:readonly")
        assert (await checked(tenant))["Lark permissions"][1].startswith("missing: docx:document:readonly")


async def test_what_is_wrong_is_said_where_it_is() -> None:
    async with LarkTenant() as tenant:
        assert (await checked(tenant, app_secret="wrong"))["Lark secret"][0] == "failed"
        assert (await checked(tenant, base_url="http://127.0.0.1:9"))["Lark bot"][0] == "failed"
        assert (await checked(tenant))["Lark chats"] == ("warning", "the bot is in no group")
        tenant.faults.deaf = True
        assert (await checked(tenant))["Lark connection"][0] == "failed"


async def test_in_mode_webhook_its_secrets_and_path_are_named() -> None:
    async with LarkTenant() as tenant:
        status, said = (await checked(tenant, mode="webhook", token="t"))["Lark webhook"]
        assert (status, said) == ("failed", "LARK_ENCRYPT_KEY not set")
        status, said = (await checked(tenant, mode="webhook", token="t", encrypt_key="k"))["Lark webhook"]
        assert status == "ok"
        assert "/lark/events" in said


async def test_history_that_may_not_be_read_is_a_warning() -> None:
    async with LarkTenant() as tenant:
        ana = tenant.add_user("Ana")
        await tenant.invite(tenant.add_chat("support", members=[ana]), by=ana)
        tenant.faults.fail("/im/v1/messages", "99991672")
        found = await checked(tenant)
        assert found["Lark history"][0] == "warning"
