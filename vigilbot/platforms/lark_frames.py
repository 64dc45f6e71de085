"""The binary frames of Lark's long connection: a protobuf message of nine fields, read and written here.

Pure. A frame that cannot be read raises ValueError; fields that nobody knows are passed over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

LARGEST: Final = 8 * 1024 * 1024  # bytes of one frame, and of one message put together from several
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_PARTS: Final = 64  # of one message
_WAITING: Final = 200  # messages of which parts are missing
_PATIENCE: Final = timedelta(seconds=30)  # for the missing parts


class Method(IntEnum):
    CONTROL = 0  # ping, pong
    DATA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    method: int
    service: int = 0
    sequence: int = 0
    log_id: int = 0
    headers: Sequence[tuple[str, str]] = ()
    payload: bytes = b""
    encoding: str = ""
    payload_type: str = ""
    log: str = ""

    def header(self, name: str) -> str:
        """The first of that name, "" when there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def answer(self, payload: bytes, **headers: str) -> Frame:
        """The same frame with another payload: how a message is acknowledged."""
        return replace(self, payload=payload, headers=(*self.headers, *headers.items()))


def encoded(frame: Frame) -> bytes:
    out = bytearray()
    for number, whole in ((1, frame.sequence), (2, frame.log_id), (3, frame.service), (4, frame.method)):
        out += _key(number, _VARINT) + _varint(whole)
    for name, value in frame.headers:
        out += _chunk(5, _chunk(1, name.encode()) + _chunk(2, value.encode()))
    for number, text in ((6, frame.encoding), (7, frame.payload_type)):
        out += _chunk(number, text.encode()) if text else b""
    out += _chunk(8, frame.payload) if frame.payload else b""
    out += _chunk(9, frame.log.encode()) if frame.log else b""
    return bytes(out)


def decoded(data: bytes) -> Frame:
    """Raises ValueError for what is no frame."""
    if len(data) > LARGEST:
        raise ValueError(f"a frame of more than {LARGEST} bytes")
    whole: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    headers: list[tuple[str, str]] = []
    for number, value in _fields(data):
        if number == 5 and isinstance(value, bytes):
            pair = {n: v for n, v in _fields(value) if isinstance(v, bytes)}
            headers.append((_text(pair.get(1, b"")), _text(pair.get(2, b""))))
        elif isinstance(value, int):
            whole[number] = value
        else:
            texts[number] = value
    if 4 not in whole:
        raise ValueError("a frame without a method")
    return Frame(
        sequence=whole.get(1, 0),
        log_id=whole.get(2, 0),
        service=whole.get(3, 0),
        method=whole[4],
        headers=tuple(headers),
        encoding=_text(texts.get(6, b"")),
        payload_type=_text(texts.get(7, b"")),
        payload=texts.get(8, b""),
        log=_text(texts.get(9, b"")),
    )


@dataclass(slots=True)
class _Unfinished:
    parts: dict[int, bytes]
    since: datetime
    size: int = 0


@dataclass(slots=True)
class Joined:
    """Puts messages together that come in several frames (headers ``sum``, ``seq``, ``message_id``)."""

    _waiting: OrderedDict[tuple[str, int], _Unfinished] = field(default_factory=OrderedDict)

    def add(self, frame: Frame, now: datetime) -> bytes | None:
        """The whole payload once its last part is here. Raises ValueError for parts that make no sense."""
        total, number = _count(frame.header("sum"), 1), _count(frame.header("seq"), 0)
        if total <= 1:
            return frame.payload
        if total > _PARTS or not 0 <= number < total:
            raise ValueError(f"part {number} of {total}")
        self._forget(now)
        name = frame.header("message_id"), total
        found = self._waiting.setdefault(name, _Unfinished(parts={}, since=now))
        if number not in found.parts:
            found.parts[number] = frame.payload
            found.size += len(frame.payload)
        if found.size > LARGEST:
            del self._waiting[name]
            raise ValueError(f"a message of more than {LARGEST} bytes")
        if len(found.parts) < total:
            return None
        del self._waiting[name]
        return b"".join(found.parts[n] for n in range(total))

    def _forget(self, now: datetime) -> None:
        """What never came whole was not acknowledged either, and comes again."""
        for name, found in list(self._waiting.items()):
            if now - found.since > _PATIENCE or len(self._waiting) > _WAITING:
                del self._waiting[name]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _read_varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + length > len(data):
            raise ValueError("a frame that ends too early")
        if kind == _BYTES:
            yield number, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("a frame that ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number that does not end")


def _varint(value: int) -> bytes:
    value &= 0xFFFF_FFFF_FFFF_FFFF  # negative ones in two's complement, as protobuf has them
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _chunk(number: int, data: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(data)) + data


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _count(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default
