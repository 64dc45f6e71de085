"""Pictures people post in Lark, fetched with the bot's token."""

from __future__ import annotations

from typing import Final

from vigilbot.domain import Image
from vigilbot.errors import PlatformRefused
from vigilbot.platforms.lark_client import LarkClient
from vigilbot.platforms.lark_content import SCHEME
from vigilbot.platforms.pictures import data_url

LARGEST: Final = 5 * 2**20


class LarkFiles:
    def __init__(self, client: LarkClient) -> None:
        self._client = client

    async def picture(self, image: Image) -> str:
        """A PNG, JPEG, GIF or WebP as a ``data:`` URL. Raises PlatformError and PlatformRefused."""
        _, _, place = image.url.removeprefix(f"{SCHEME}:").partition("/")
        message, _, key = place.partition("/")
        if not message or not key:
            raise PlatformRefused("not a picture of Lark's")
        path = f"/im/v1/messages/{message}/resources/{key}"
        content, _ = await self._client.fetch(path, most=LARGEST, type="image")
        return data_url(content, name=key)
