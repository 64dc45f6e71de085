"""Pictures people attach in Slack, fetched with the bot's token: for Slack's own hosts and nobody else's."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientError, ClientResponse, ClientSession

from vigilbot.domain import Image
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.pictures import data_url

_FILES: Final = "https://files.slack.com/"
_REDIRECTS: Final = 5
_CHUNK: Final = 64 * 1024
_KEPT: Final = 16 * 2**20  # characters of pictures kept: one run shows the same ones several times
_NO_SCOPE: Final = (
    "Slack asked to log in: the bot's token lacks the scope files:read, or may not see the file"
)


class SlackFiles:
    """Bytes of pictures. The token goes to files.slack.com and to the host of ``base_url`` only."""

    def __init__(
        self,
        session: ClientSession,
        *,
        token: str,
        base_url: str,
        seconds: float = 10.0,
        longest: int = 5 * 2**20,
    ) -> None:
        self._session = session
        self._token = token
        self._own = frozenset({_origin(_FILES), _origin(base_url)})
        self._seconds = seconds
        self._longest = longest
        self._kept: OrderedDict[str, str] = OrderedDict()

    async def picture(self, image: Image) -> str:
        """A PNG, JPEG, GIF or WebP as a ``data:`` URL, within ``seconds``.

        Raises PlatformRefused when the file is no such picture, too large, elsewhere or not for the
        bot, PlatformError when it could not be had now. Either says which file and why.
        """
        if image.url in self._kept:
            self._kept.move_to_end(image.url)
            return self._kept[image.url]
        name = image.title or image.url.rpartition("/")[2] or "a file"
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._fetch(image.url)
        except TimeoutError:
            raise PlatformError(f"{name}: not read within {self._seconds:g} s") from None
        except (ClientError, OSError, ValueError) as error:
            raise PlatformError(f"{name}: {str(error) or type(error).__name__}") from error
        except PlatformError as error:
            raise type(error)(f"{name}: {error}") from None
        picture = data_url(content, name=name)
        self._keep(image.url, picture)
        return picture

    async def _fetch(self, address: str) -> bytes:
        for _ in range(_REDIRECTS + 1):
            if _origin(address) not in self._own:
                raise PlatformRefused("not on Slack's file server")
            headers = {"Authorization": f"Bearer {self._token}"}
            async with self._session.get(address, headers=headers, allow_redirects=False) as response:
                if response.status not in (301, 302, 303, 307, 308):
                    return await self._body(response)
                address = urljoin(address, response.headers.get("Location", ""))
            if _origin(address) not in self._own:  # the log-in page is on the workspace's own host
                raise PlatformRefused(_NO_SCOPE)
        raise PlatformRefused(f"more than {_REDIRECTS} redirects")

    async def _body(self, response: ClientResponse) -> bytes:
        if response.status in (404, 410):
            raise PlatformRefused("the file is gone")
        if response.status in (401, 403) or response.content_type == "text/html":
            raise PlatformRefused(_NO_SCOPE)
        if response.status != 200:
            raise PlatformError(f"HTTP status {response.status}")
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > self._longest:
                raise PlatformRefused(f"larger than {self._longest / 2**20:.3g} MB")
        return bytes(content)

    def _keep(self, url: str, picture: str) -> None:
        self._kept[url] = picture
        while sum(map(len, self._kept.values())) > _KEPT:
            self._kept.popitem(last=False)


def _origin(url: str) -> tuple[str, str]:
    """Scheme, and host with port as written: whatever else stands before the path is another origin."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.casefold()
