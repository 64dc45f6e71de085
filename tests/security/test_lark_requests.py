"""What comes over HTTP in Lark's name: forged, old and malformed requests are refused, whatever they hold."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vigilbot.platforms.lark_webhook import Untrusted, opened, signature
from vigilbot.testing.world import BEGIN

KEY, TOKEN = "key-of-the-app", "token-of-the-app"
EVENT = {"schema": "2.0", "header": {"token": TOKEN, "event_id": "e1"}, "event": {}}


def sealed(body: object, key: str = KEY) -> bytes:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(json.dumps(body).encode()) + padder.finalize()
    first = bytes(range(16))
    cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(first)).encryptor()
    return json.dumps({"encrypt": base64.b64encode(first + cipher.update(padded)).decode()}).encode()


def headers(raw: bytes, *, late: timedelta = timedelta(0), key: str = KEY) -> dict[str, str]:
    stamp = str(int((BEGIN - late).timestamp()))
    return {
        "X-Lark-Request-Timestamp": stamp,
        "X-Lark-Request-Nonce": "n",
        "X-Lark-Signature": signature(stamp, "n", key, raw),
    }


def test_what_lark_sends_is_opened() -> None:
    raw = sealed(EVENT)
    assert opened(raw, headers(raw), encrypt_key=KEY, token=TOKEN, now=BEGIN) == EVENT
    plain = json.dumps(EVENT).encode()
    assert opened(plain, {}, encrypt_key="", token=TOKEN, now=BEGIN) == EVENT


RAW = sealed(EVENT)
FORGED: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "not encrypted": lambda: (json.dumps(EVENT).encode(), headers(json.dumps(EVENT).encode())),
    "another key": lambda: (sealed(EVENT, "other"), headers(sealed(EVENT, "other"), key="other")),
    "signed with another key": lambda: (RAW, headers(RAW, key="other")),
    "no headers": lambda: (RAW, {}),
    "no signature": lambda: (RAW, {**headers(RAW), "X-Lark-Signature": ""}),
    "not ascii": lambda: (RAW, {**headers(RAW), "X-Lark-Signature": "ü"}),
    "not text": lambda: (RAW, {**headers(RAW), "X-Lark-Signature": "\udcff"}),
    "another nonce": lambda: (RAW, {**headers(RAW), "X-Lark-Request-Nonce": "m"}),
    "another body": lambda: (RAW + b" ", headers(RAW)),
    "six minutes old": lambda: (RAW, headers(RAW, late=timedelta(minutes=6))),
    "six minutes ahead": lambda: (RAW, headers(RAW, late=timedelta(minutes=-6))),
    "words for a time": lambda: (RAW, {**headers(RAW), "X-Lark-Request-Timestamp": "yesterday"}),
    "a huge time": lambda: (RAW, {**headers(RAW), "X-Lark-Request-Timestamp": "9" * 5000}),
    "no object": lambda: (b"[1, 2]", headers(b"[1, 2]")),
    "no JSON": lambda: (b"{", headers(b"{")),
    "deep": lambda: (b"[" * 100_000, headers(b"[" * 100_000)),
    "no base64": lambda: (b'{"encrypt": "%%%"}', headers(b'{"encrypt": "%%%"}')),
    "cut": lambda: (b'{"encrypt": "AAAA"}', headers(b'{"encrypt": "AAAA"}')),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_lark_did_not_send_is_refused(how: str) -> None:
    raw, given = FORGED[how]()
    with pytest.raises(Untrusted):
        opened(raw, given, encrypt_key=KEY, token=TOKEN, now=BEGIN)


@pytest.mark.parametrize("header", [{}, {"token": ""}, {"token": "x"}, {"token": "\ud800"}, {"token": 7}])
@pytest.mark.parametrize("token", [TOKEN, ""])
def test_without_the_token_nothing_is_believed(header: dict[str, Any], token: str) -> None:
    """Not even where no token was set."""
    raw = json.dumps({**EVENT, "header": header}).encode()
    with pytest.raises(Untrusted):
        opened(raw, {}, encrypt_key="", token=token, now=BEGIN)
