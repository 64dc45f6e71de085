"""The one door to the API of Lark and Feishu: one session, one token, every answer's code looked at.

Lark says no with HTTP 200 and a code. What matters to callers is which of three things is known: nothing
was done and it may work later (PlatformError), nothing was done and it never will (LarkRefusal), or nobody
knows (FateUnknown). Messages carry a ``uuid``, so sending one again after the third shows it once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import aiohttp

from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.pacing import Bucket, FateUnknown
from vigilbot.platforms.payloads import map_in, text_in

log = logging.getLogger("vigilbot.lark")

T = TypeVar("T")

EARLY: Final = 600.0  # seconds before its end that a token is exchanged for the next
LONGEST_WAIT: Final = 5.0  # seconds that a message may wait for its chat's turn
LARGEST: Final = 32 * 1024 * 1024  # bytes of an answer
SLOW_DOWN: Final = frozenset({99991400, 11232, 230020, 1254290})
BAD_TOKEN: Final = frozenset({99991661, 99991663, 99991664, 99991668, 99991671, 99991677})
BAD_APP: Final = frozenset({10003, 10014, 10015, 99991543, 1000040345})
NO_SCOPE: Final = frozenset({99991672, 99991679})
NOT_IN_CHAT: Final = frozenset({230002, 232009, 232010, 232011})
GONE: Final = frozenset({230011, 230110, 231003})
NO_DOCUMENT: Final = frozenset({131005, 1770002, 1770003})
CLOSED_DOCUMENT: Final = frozenset({131006, 1770032})

_REMEDIES: Final[Mapping[int, str]] = {
    40001: "Lark does not accept the request",
    40004: "that department is outside of the app's range of contacts",
    40013: "that group is outside of the app's range of contacts",
    41012: "there is no such person",
    41050: "that person is outside of the app's range of contacts",
    43007: "that department is outside of the app's range of contacts",
    230001: "Lark does not accept the request",
    230002: "the bot is no member of the chat: add it",
    230006: "the app has no bot: switch the bot ability on and publish a version",
    230011: "the message was recalled",
    230013: "that person is outside of the app's availability",
    230017: "the bot does not own that resource",
    230018: "only some members may write in that chat",
    230019: "the topic does not exist",
    230022: "the tenant's rules do not let that text pass",
    230025: "the message is too long for Lark",
    230027: "the app lacks a permission",
    230028: "the tenant's rules do not let that text pass",
    230035: "the bot may not write in that chat",
    230049: "the message is still being sent",
    230050: "the bot does not see that message",
    230054: "that is not possible with this kind of message",
    230072: "the message was changed too often",
    230075: "the message is too old to be changed",
    230099: "Lark does not accept the card's layout",
    230110: "the message was deleted",
    231003: "the message was not found",
    232009: "the chat was dissolved",
    232010: "that person is in another tenant than the chat",
    232011: "the bot is no member of the chat: add it",
    131005: "there is no such page",
    131006: "the page is not shared with the app",
    1770002: "there is no such document",
    1770003: "the document was deleted",
    1770032: "the document is not shared with the app",
    99991672: "the app lacks a permission",
    99991679: "the app lacks a permission",
}
_AGAIN: Final = frozenset({230049})
_OF_ONE_CHAT: Final = frozenset({11232, 230020})
_ID: Final = re.compile(r"(?<=/)(?:om|oc|ou|od|img|file)[-_][^/]+")


class LarkRefusal(PlatformRefused):
    """Lark says no. ``code`` is its number for why, ``needed`` the permissions that are missing."""

    def __init__(self, code: int, line: str, *, needed: str = "") -> None:
        super().__init__(line)
        self.code = code
        self.needed = needed


class LarkTrouble(PlatformError):
    """Lark says no with a number that is not known here: it may pass."""

    def __init__(self, code: int, line: str) -> None:
        super().__init__(line)
        self.code = code


class LarkClient:
    """``base_url`` is https://open.feishu.cn, https://open.larksuite.com or a test's server.

    ``timeout`` bounds every request as a whole, in seconds. ``open`` must be called in the running loop.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        base_url: str,
        timeout: float,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app_id = app_id
        self.base_url = base_url.rstrip("/")
        self.limited = 0  # times Lark said "slow down"
        self.void = False  # Lark does not accept the app's secret any more
        self._secret = app_secret
        self._timeout = timeout
        self._pause = pause
        self._now = seconds
        self._token, self._good_until = "", 0.0
        self._exchange: asyncio.Task[None] | None = None
        self._blocked: dict[tuple[str, str], float] = {}  # verb and method: until when
        self._chats: dict[str, Bucket] = {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            raise PlatformError("the connection to Lark is closed")
        return self._session

    def open(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=True)

    async def close(self) -> None:
        if self._exchange is not None:
            self._exchange.cancel()
            await asyncio.gather(self._exchange, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def read(self, path: str, *, whole: bool = False, **params: Any) -> Mapping[str, Any]:
        """A GET; the answer's ``data``, or the ``whole`` answer."""
        given = {name: str(value) for name, value in params.items() if value not in ("", None)}
        return await self._call("GET", path, params=given, whole=whole)

    async def write(self, verb: str, path: str, body: Mapping[str, Any], **params: str) -> Mapping[str, Any]:
        """Something that changes things; the answer's ``data``. Raises FateUnknown where it may have."""
        return await self._call(verb, path, json=dict(body), params=params)

    async def say(
        self, verb: str, path: str, body: Mapping[str, Any], *, chat: str, **params: str
    ) -> Mapping[str, Any]:
        """``write`` in the chat's turn: five messages a second, which all bots of the chat share."""
        now = self._now()
        if len(self._chats) > 1000:
            self._chats = {name: bucket for name, bucket in self._chats.items() if not bucket.idle(now)}
        wait = self._chats.setdefault(chat, Bucket(interval=0.25, burst=4)).reserve(now, longest=LONGEST_WAIT)
        if wait is None:
            raise PlatformError("too many messages for one chat at once", retry_after=LONGEST_WAIT)
        if wait:
            await self._pause(wait)
        return await self._call(verb, path, json=dict(body), params=params)

    async def fetch(self, path: str, *, most: int = LARGEST, **params: str) -> tuple[bytes, str]:
        """The bytes of a resource and their media type."""
        return await self._authorized("GET", path, lambda token: self._fetch(path, token, most, params))

    async def endpoint(self) -> tuple[str, Mapping[str, Any]]:
        """Where to open a long connection, and how Lark wants it kept (ClientConfig)."""
        body = {"AppID": self.app_id, "AppSecret": self._secret}
        data = await self._send("POST", "/callback/ws/endpoint", json=body, bare=True)
        url = text_in(data, "URL")
        if not url.startswith(("ws://", "wss://")):
            raise PlatformError("Lark named no address for the long connection")
        return url, map_in(data, "ClientConfig")

    async def _call(self, verb: str, path: str, **request: Any) -> Mapping[str, Any]:
        return await self._authorized(
            verb, path, lambda token: self._send(verb, path, token=token, **request)
        )

    async def _authorized(self, verb: str, path: str, ask: Callable[[str], Awaitable[T]]) -> T:
        method = verb, _method(path)
        left = self._blocked.get(method, 0.0) - self._now()
        if left > 0:
            raise PlatformError(f"{path}: Lark said to come back later", retry_after=left)
        self._blocked.pop(method, None)
        for again in (True, False):
            token = await self._ready()
            try:
                return await ask(token)
            except LarkRefusal as error:
                if error.code not in BAD_TOKEN or not again:
                    raise
                if token == self._token:  # else somebody else has a new one already
                    self._good_until = 0.0  # refused before anything was done: once more with a new one
        raise AssertionError("unreachable")

    async def _ready(self) -> str:
        """A token that holds for a while; many who want one at once ask once, and fail together."""
        if self._now() >= self._good_until:
            if self._exchange is None or self._exchange.done():
                self._exchange = asyncio.create_task(self._exchanged())
            await asyncio.shield(self._exchange)
        return self._token

    async def _exchanged(self) -> None:
        body = {"app_id": self.app_id, "app_secret": self._secret}
        path = "/auth/v3/tenant_access_token/internal"
        data = await self._send("POST", path, json=body, whole=True)
        token, lasts = text_in(data, "tenant_access_token"), data.get("expire")
        if not token or not isinstance(lasts, int):
            raise PlatformError("Lark gave no token")
        self._token = token
        self._good_until = self._now() + max(60.0, lasts - EARLY)

    async def _fetch(self, path: str, token: str, most: int, params: Mapping[str, str]) -> tuple[bytes, str]:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.base_url}/open-apis{path}"
        try:
            async with self.session.get(url, params=params, headers=headers, allow_redirects=False) as answer:
                content = await _content(answer, most)
                if answer.status == 200 and answer.content_type != "application/json":
                    if len(content) > most:
                        raise PlatformRefused(f"more than {most} bytes")
                    return content, answer.content_type
                raise self._translated("GET", path, answer, _json(content))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformError(f"{path}: {_said(error)}") from error

    async def _send(
        self,
        verb: str,
        path: str,
        *,
        token: str = "",
        bare: bool = False,
        whole: bool = False,
        **request: Any,
    ) -> Mapping[str, Any]:
        """``bare``: a path outside of /open-apis. ``whole``: the answer's fields, not its ``data``."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.base_url + ("" if bare else "/open-apis") + path
        try:
            async with self.session.request(
                verb, url, headers=headers, allow_redirects=False, **request
            ) as answer:
                body = _json(await _content(answer, LARGEST))
                if answer.status != 429 and (answer.status >= 500 or not isinstance(body.get("code"), int)):
                    raise FateUnknown(f"{path}: Lark failed ({answer.status})")
                if answer.status == 429 or body["code"] != 0:
                    raise self._translated(verb, path, answer, body)
        except aiohttp.ClientConnectorError as error:
            raise PlatformError(f"{path}: Lark cannot be reached: {_said(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise FateUnknown(f"{path}: no answer from Lark: {_said(error)}") from error
        self.void = False
        return body if whole else map_in(body, "data")

    def _translated(
        self, verb: str, path: str, answer: aiohttp.ClientResponse, body: Mapping[str, Any]
    ) -> PlatformError:
        given = body.get("code")
        code = given if isinstance(given, int) else 0
        said = text_in(body, "msg")[:200]
        if answer.status == 429 or code in SLOW_DOWN:
            self.limited += 1
            wait = _seconds(answer.headers.get("x-ogw-ratelimit-reset"))
            if code not in _OF_ONE_CHAT:
                self._blocked[verb, _method(path)] = self._now() + wait
            return PlatformError(f"{path}: Lark said to slow down", retry_after=wait)
        if code in BAD_APP:
            if not self.void:
                log.error("Lark does not accept the app's id and secret (%s)", code)
            self.void = True
            return LarkRefusal(code, f"the app's id or secret is wrong ({code}: {said})")
        if code in _AGAIN:
            return PlatformError(f"{path}: {_REMEDIES[code]}", retry_after=1.0)
        if code in _REMEDIES or code in BAD_TOKEN:
            line = f"{path}: {_REMEDIES.get(code, 'the token is not valid')} ({code})"
            needed = _missing(body) if code in NO_SCOPE else ""
            return LarkRefusal(code, f"{line}: {needed}" if needed else line, needed=needed)
        if code == 0:
            return PlatformError(f"{path}: HTTP {answer.status}")
        return LarkTrouble(code, f"{path}: Lark says {code}: {said}")


def _method(path: str) -> str:
    """The path without whom it is about: Lark limits methods, not what they are asked of."""
    return _ID.sub(":id", path)


async def _content(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """All of it, or the first ``most`` bytes and some."""
    found = bytearray()
    async for chunk in answer.content.iter_any():
        found += chunk
        if len(found) > most:
            break
    return bytes(found)


def _json(content: bytes) -> Mapping[str, Any]:
    """{} for what is no JSON object."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _missing(body: Mapping[str, Any]) -> str:
    """The permissions that Lark says are missing."""
    violations = map_in(body, "error").get("permission_violations")
    names = (
        [text_in(one, "subject") for one in violations or [] if isinstance(one, Mapping)]
        if isinstance(violations, list)
        else []
    )
    return ", ".join(name for name in names if name) or text_in(body, "msg")[:200]


def _seconds(header: object) -> float:
    try:
        return min(3600.0, max(1.0, float(str(header))))
    except ValueError:
        return 1.0


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
