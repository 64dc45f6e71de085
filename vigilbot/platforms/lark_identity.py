"""Which bot of which company the app's id and secret make it."""

from __future__ import annotations

from typing import Final

from vigilbot.errors import BadInput
from vigilbot.platforms.lark_client import BAD_APP, NO_SCOPE, LarkClient, LarkRefusal
from vigilbot.platforms.lark_events import LarkMe
from vigilbot.platforms.payloads import map_in, text_in

CONSOLE: Final = "the app's page in the developer console, Credentials & Basic Info"


async def who_am_i(client: LarkClient) -> LarkMe:
    """Raises BadInput for a wrong secret and for a permission that is missing."""
    try:
        bot = map_in(await client.read("/bot/v3/info", whole=True), "bot")
        tenant = map_in(await client.read("/tenant/v2/tenant/query"), "tenant")
    except LarkRefusal as error:
        if error.code in BAD_APP:
            raise BadInput(
                str(error), place="LARK_APP_ID, LARK_APP_SECRET", remedy=f"Copy both from {CONSOLE}"
            ) from error
        if error.code in NO_SCOPE:
            raise BadInput(
                str(error),
                place="permissions",
                remedy="Grant what config/lark.md lists and publish a version of the app",
            ) from error
        raise
    return LarkMe(
        app=client.app_id,
        user=text_in(bot, "open_id"),
        tenant=text_in(tenant, "tenant_key"),
        name=text_in(bot, "app_name"),
    )
