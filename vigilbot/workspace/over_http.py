"""The Events API and interactivity over signed HTTP requests."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta
from urllib.parse import urlencode

import aiohttp

from vigilbot.workspace.app import App
from vigilbot.workspace.delivery import ACK_SECONDS, Attempt, Delivery, Envelope
from vigilbot.workspace.faults import Faults
from vigilbot.workspace.state import Json
from vigilbot.workspace.timing import real_time


class OverHttp:
    """Posts every envelope to ``target``. `close` before the loop ends."""

    def __init__(self, app: App, delivery: Delivery, faults: Faults) -> None:
        self.target = ""
        self._app = app
        self._delivery = delivery
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def carry(self, envelope: Envelope, attempt: Attempt) -> str:
        if self._faults.deaf:
            return ""
        body, form = _body(envelope)
        headers = self.signed(body, form=form)
        if attempt.number:
            again = {"x-slack-retry-num": str(attempt.number), "x-slack-retry-reason": attempt.reason}
            headers |= again
        sending = self._send(self.target, body, headers, attempt.id)
        task = asyncio.get_running_loop().create_task(sending)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return "http"

    async def verify(self, url: str) -> bool:
        """What Slack does with a request URL before it uses it."""
        challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
        question = {"token": self._app.verification_token, "challenge": challenge, "type": "url_verification"}
        body = json.dumps(question)
        async with self._client().post(url, data=body, headers=self.signed(body)) as response:
            text = await response.text()
            return response.status == 200 and challenge in text

    async def close(self) -> None:
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, url: str, body: str, headers: dict[str, str], attempt_id: str) -> None:
        try:
            async with self._client().post(url, data=body.encode(), headers=headers) as response:
                answer = await response.text()
                if response.status == 200:
                    self._delivery.acknowledge(attempt_id, _answer(answer, response.content_type))
                else:
                    final = "x-slack-no-retry" in response.headers
                    self._delivery.failed(attempt_id, "http_error", final=final)
        except TimeoutError:
            self._delivery.failed(attempt_id, "http_timeout")
        except aiohttp.ClientError:
            self._delivery.failed(attempt_id, "connection_failed")

    def signed(self, body: str, *, form: bool = False) -> dict[str, str]:
        """The headers of a request with that body."""
        # the receiver compares with real time, whatever clock the workspace has
        at = real_time() - timedelta(minutes=6 if self._faults.stale_signature else 0)
        stamp = str(int(at.timestamp()))
        secret = "somebody else's" if self._faults.bad_signature else self._app.signing_secret
        digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        return {
            "content-type": kind,
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={digest}",
        }

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=ACK_SECONDS)
            self._session = aiohttp.ClientSession(timeout=limit)
        return self._session


def _body(envelope: Envelope) -> tuple[str, bool]:
    """The request's body, and whether it is a form."""
    if envelope.type == "events_api":
        return json.dumps(envelope.payload), False
    if envelope.type == "slash_commands":
        return urlencode(envelope.payload), True
    return urlencode({"payload": json.dumps(envelope.payload)}), True


def _answer(text: str, content_type: str) -> Json | None:
    if not text.strip():
        return None
    if content_type == "application/json":
        try:
            value = json.loads(text)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None
    return {"text": text}
