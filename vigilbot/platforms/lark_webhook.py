"""Lark's events over HTTP: decrypted, their signature and age checked, before anything is believed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vigilbot.platforms.lark_events import moment_of
from vigilbot.platforms.payloads import map_in, text_in

WINDOW: Final = timedelta(minutes=5)
_BLOCK: Final = 16


class Untrusted(Exception):
    """A request that nobody at Lark made, or that cannot be read. The text says what is wrong with it."""


def opened(
    raw: bytes, headers: Mapping[str, str], *, encrypt_key: str, token: str, now: datetime
) -> Mapping[str, Any]:
    """The payload of a request. Raises Untrusted.

    With an ``encrypt_key`` the body must be encrypted and signed; the signature covers time, nonce and
    body, and is compared in constant time; what is older than five minutes is refused. The verification
    token is compared as well.
    """
    body = _object(raw)
    if encrypt_key:
        sealed = text_in(body, "encrypt")
        if not sealed:
            raise Untrusted("not encrypted")
        body = _object(decrypted(sealed, encrypt_key))
        if text_in(body, "type") != "url_verification":
            _check_signature(raw, headers, encrypt_key, now)
    given = text_in(map_in(body, "header"), "token") or text_in(body, "token")
    if not token or not _same(given, token):
        raise Untrusted("another verification token")
    return body


def signature(stamp: str, nonce: str, encrypt_key: str, raw: bytes) -> str:
    return hashlib.sha256((stamp + nonce + encrypt_key).encode() + raw).hexdigest()


def decrypted(sealed: str, encrypt_key: str) -> bytes:
    """AES-256 in CBC mode, the key hashed, the first block the initial vector. Raises Untrusted."""
    try:
        data = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise Untrusted("malformed") from None
    if len(data) < 2 * _BLOCK or len(data) % _BLOCK:
        raise Untrusted("malformed")
    key = hashlib.sha256(encrypt_key.encode()).digest()
    cipher = Cipher(algorithms.AES(key), modes.CBC(data[:_BLOCK])).decryptor()
    padded = cipher.update(data[_BLOCK:]) + cipher.finalize()
    unpadder = padding.PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        raise Untrusted("encrypted with another key") from None


def _check_signature(raw: bytes, headers: Mapping[str, str], encrypt_key: str, now: datetime) -> None:
    stamp, nonce = headers.get("X-Lark-Request-Timestamp", ""), headers.get("X-Lark-Request-Nonce", "")
    at = moment_of(stamp)
    if at is None or abs(now - at) > WINDOW:
        raise Untrusted("too old, or without a time")
    expected = signature(stamp, nonce, encrypt_key, raw)
    if not _same(expected, headers.get("X-Lark-Signature", "")):
        raise Untrusted("wrongly signed")


def _same(one: str, other: str) -> bool:
    """Compared in constant time; strangers' texts may hold what cannot be encoded."""
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Untrusted("malformed") from None
    if not isinstance(found, dict):
        raise Untrusted("malformed")
    return found
