"""The one door to Slack's Web API: one session, no retries of its own, limits obeyed, errors translated.

Slack's word for what went wrong becomes a line an operator understands. What matters to callers is
which of three things is known: nothing was done and it may work later (PlatformError), nothing was
done and it never will (SlackRefusal), or nobody knows whether it was done (FateUnknown).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.pacing import Bucket, FateUnknown

log = logging.getLogger("vigilbot.slack")

PROXIES: Final = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
)  # what the SDK reads, in its order
LONGEST_WAIT: Final = 5.0  # seconds that a message may wait for its channel's turn
BAD_TOKEN: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "not_allowed_token_type",
    }
)
NOT_A_MEMBER: Final = frozenset({"not_in_channel", "channel_not_found"})

_REMEDIES: Final[Mapping[str, str]] = {
    "not_in_channel": "the bot is no member of the channel: /invite it",
    "channel_not_found": "the bot does not see the channel: it is gone, or private and the bot not invited",
    "is_archived": "the channel is archived",
    "thread_not_found": "the thread was deleted",
    "message_not_found": "the message was deleted",
    "cant_update_message": "the message is not the bot's, or nobody but one person sees it",
    "cant_delete_message": "the message is not the bot's, or it is too old to delete",
    "edit_window_closed": "the workspace no longer allows that message to be changed",
    "restricted_action": "the workspace's settings do not let the bot post there",
    "restricted_action_read_only_channel": "the channel is read-only for the bot",
    "restricted_action_thread_only_channel": "the channel takes posts in threads only",
    "restricted_action_non_threadable_channel": "the channel takes no replies in threads",
    "cannot_reply_to_message": "that message takes no replies",
    "thread_locked": "the thread is locked",
    "msg_too_long": "the message is too long for Slack",
    "msg_blocks_too_long": "the message is too long for Slack",
    "no_text": "the message is empty",
    "invalid_blocks": "Slack does not accept the message's layout",
    "invalid_arguments": "Slack does not accept the request",
    "user_not_in_channel": "that person is no member of the channel",
    "user_not_found": "Slack knows no such person",
    "user_not_visible": "that person is hidden from the bot",
    "missing_scope": "the app lacks a permission",
    "no_permission": "the app lacks a permission",
    "ekm_access_denied": "the organisation's administrators have suspended access to the messages",
    "expired_trigger_id": "more than three seconds have passed since the click",
    "exchanged_trigger_id": "the click has opened a window already",
    "invalid_trigger_id": "the click is not known to Slack any more",
    "not_found": "it is gone",
    "hash_conflict": "the window shows something newer already",
    "invalid_auth": "the token is not valid",
    "not_authed": "no token was given",
    "account_inactive": "the token belongs to a removed app or user",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "not_allowed_token_type": "the token is of the wrong type",
    "method_not_supported_for_channel_type": "that is not possible in this kind of conversation",
}
_UNSURE: Final = frozenset(
    {"fatal_error", "internal_error", "request_timeout"}
)  # parts may have been applied


class SlackRefusal(PlatformRefused):
    """Slack says no. ``code`` is its own word for why, ``needed`` the scope that is missing."""

    def __init__(self, code: str, line: str, *, needed: str = "") -> None:
        super().__init__(line)
        self.code = code
        self.needed = needed


class SlackClient:
    """``base_url`` ends with a slash; ``timeout`` bounds every request as a whole, in seconds.

    ``shared_history``: history may be read once a minute only. ``open`` must be called in the running
    loop before anything else. After ``close`` every call opens a connection of its own: what still runs
    at the end may say its last word.
    """

    def __init__(
        self,
        *,
        token: str,
        base_url: str,
        timeout: float,
        shared_history: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._now = seconds
        self._timeout = timeout
        self._pause = pause
        self.base_url = base_url if base_url.endswith("/") else base_url + "/"
        self.limited = 0  # times Slack said "slow down"
        self.void = False  # Slack does not accept the bot's token any more
        self.page = 15 if shared_history else 200
        self._history = Bucket(interval=60.0, burst=1) if shared_history else Bucket(interval=1.2, burst=40)
        self._channels: dict[str, Bucket] = {}
        self._blocked: dict[tuple[str, str], float] = {}
        self._session: aiohttp.ClientSession | None = None
        self.web: AsyncWebClient | None = None

    def open(self) -> AsyncWebClient:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout))
        self.web = AsyncWebClient(
            base_url=self.base_url,
            session=self._session,
            timeout=max(1, int(self._timeout)),
            retry_handlers=[],  # a repeated chat.postMessage is a second card
            logger=quiet_logger(),
        )
        if not proxy_in_use(self.base_url):  # the SDK does not know NO_PROXY
            self.web.proxy = None
        return self.web

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A method that changes nothing."""
        given = {name: value for name, value in params.items() if value not in ("", None)}
        return await self._call(method, channel="", http_verb="GET", params=given)

    async def write(self, method: str, **body: Any) -> Mapping[str, Any]:
        """A method that changes something. Raises FateUnknown where it may have done so."""
        channel = body.get("channel")
        return await self._call(method, channel=channel if isinstance(channel, str) else "", json=body)

    async def say(self, method: str, *, channel: str, **body: Any) -> Mapping[str, Any]:
        """``write`` in the channel's turn: one message a second, a few at once."""
        now = self._now()
        if len(self._channels) > 1000:
            self._channels = {name: b for name, b in self._channels.items() if not b.idle(now)}
        bucket = self._channels.setdefault(channel, Bucket(interval=1.0, burst=4))
        wait = bucket.reserve(now, longest=LONGEST_WAIT)
        if wait is None:
            raise PlatformError("too many messages for one channel at once", retry_after=LONGEST_WAIT)
        if wait:
            await self._pause(wait)
        return await self.write(method, channel=channel, **body)

    async def glance(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A page of history, now or not at all: raises PlatformError when it is not its turn."""
        wait = self._history.reserve(self._now(), longest=LONGEST_WAIT)
        if wait is None:
            raise PlatformError(f"{method}: history may not be read that often", retry_after=60.0)
        if wait:
            await self._pause(wait)
        return await self.read(method, limit=self.page, **params)

    async def history(self, method: str, **params: Any) -> Mapping[str, Any]:
        """A page of history, in the pace that Slack allows; "slow down" is waited for."""
        for _ in range(10):
            wait = self._history.reserve(self._now())
            if wait:
                await self._pause(wait)
            try:
                return await self.read(method, limit=self.page, **params)
            except PlatformError as error:
                if not error.retry_after:
                    raise
                await self._pause(error.retry_after)
        raise PlatformError(f"{method}: Slack said ten times to come back later")

    async def respond(self, response_url: str, body: Mapping[str, Any]) -> None:
        """The reply to a click or a command where it was made; Slack takes five in half an hour."""
        web, session = self._opened()
        try:
            async with session.post(response_url, json=body, proxy=web.proxy) as answer:
                text = (await answer.text(errors="replace"))[:200]
                if answer.status != 200 or '"ok":false' in text.replace(" ", ""):
                    raise SlackRefusal("response_url", f"the reply was refused ({answer.status}): {text}")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise FateUnknown(f"the reply was not confirmed: {_said(error)}") from error

    async def scopes(self) -> frozenset[str]:
        """The scopes that the bot's token has, as Slack's header says; empty where it does not."""
        web, session = self._opened()
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with session.post(self.base_url + "auth.test", headers=headers, proxy=web.proxy) as answer:
                given = answer.headers.get("x-oauth-scopes", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformError(f"auth.test: {_said(error)}") from error
        return frozenset(scope.strip() for scope in given.split(",") if scope.strip())

    async def open_socket(self, app_token: str) -> None:
        """Whether a connection may be opened with that token; raises as every call does."""
        await self._call("apps.connections.open", channel="", token=app_token, json={})

    def _opened(self) -> tuple[AsyncWebClient, aiohttp.ClientSession]:
        if self.web is None or self._session is None or self._session.closed:
            raise PlatformError("the connection to Slack is closed")
        return self.web, self._session

    async def _call(self, method: str, *, channel: str, token: str = "", **request: Any) -> Mapping[str, Any]:
        web = self.web
        if web is None:
            raise PlatformError("there was no connection to Slack yet")
        place = (method, channel)
        left = self._blocked.get(place, 0.0) - self._now()
        if left > 0:
            raise PlatformError(f"{method}: Slack said to come back later", retry_after=left)
        self._blocked.pop(place, None)
        headers = {"Authorization": f"Bearer {token or self._token}"}
        try:
            answer = await web.api_call(method, headers=headers, **request)
        except SlackApiError as error:
            translated = self._translated(method, place, error)
            if isinstance(translated, SlackRefusal) and not token:
                void = translated.code in BAD_TOKEN
                if void and not self.void:
                    log.error("%s: nothing can be posted until there is a new token", translated)
                self.void = void
            raise translated from error
        except aiohttp.ClientConnectorError as error:
            raise PlatformError(f"{method}: Slack cannot be reached: {_said(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError) as error:
            raise FateUnknown(f"{method}: no answer from Slack: {_said(error)}") from error
        self.void = self.void and bool(token)
        return answer.data if isinstance(answer.data, dict) else {}

    def _translated(self, method: str, place: tuple[str, str], error: SlackApiError) -> PlatformError:
        response: Any = error.response
        status = getattr(response, "status_code", 0) or getattr(response, "status", 0)
        data = getattr(response, "data", None)
        data = data if isinstance(data, dict) else {}
        code = data.get("error", "")
        if status == 429 or code in ("ratelimited", "rate_limited"):
            self.limited += 1
            wait = _seconds(getattr(response, "headers", {}).get("Retry-After"))
            self._blocked[place] = self._now() + wait
            return PlatformError(f"{method}: Slack said to slow down", retry_after=wait)
        if not isinstance(code, str) or not code or status >= 500 or code in _UNSURE:
            return FateUnknown(f"{method}: Slack failed ({code or status})")
        if code in _REMEDIES:
            needed = str(data.get("needed", ""))
            line = f"{method}: {_REMEDIES[code]} ({code}{': ' + needed if needed else ''})"
            details = data.get("response_metadata")
            if code.startswith("invalid_") and isinstance(details, dict) and details.get("messages"):
                log.error("%s: %s: %s", method, code, str(details["messages"])[:500])
            return SlackRefusal(code, line, needed=needed)
        return PlatformError(f"{method}: Slack says {code}")


def quiet_logger() -> logging.Logger:
    """For the vendor's code: it would write messages' texts at level debug."""
    quiet = logging.getLogger("vigilbot.slack.sdk")
    quiet.setLevel(logging.WARNING)
    return quiet


def proxy_in_use(base_url: str) -> str:
    """The environment variable whose proxy requests to Slack go through, "" for none.

    Loopback never goes through a proxy, and NO_PROXY counts, which the SDK by itself ignores.
    """
    host = urlsplit(base_url).hostname or ""
    if host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(host):
        return ""
    return next((name for name in PROXIES if os.environ.get(name, "").strip()), "")


def _seconds(header: object) -> float:
    try:
        return min(3600.0, max(1.0, float(str(header))))
    except ValueError:
        return 30.0


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
