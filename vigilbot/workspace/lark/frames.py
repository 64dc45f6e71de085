"""Frames as Google's protobuf library reads and writes them: the other side of a hand-written codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_WHOLE = (("SeqID", 1, 4), ("LogID", 2, 4), ("service", 3, 5), ("method", 4, 5))
_LABEL_OPTIONAL, _LABEL_REQUIRED, _LABEL_REPEATED = 1, 2, 3
_STRING, _BYTES, _MESSAGE = 9, 12, 11


@dataclass(kw_only=True, slots=True)
class Seen:
    method: int
    headers: Mapping[str, str] = field(default_factory=dict)
    payload: bytes = b""


def pack(
    *, method: int, headers: Mapping[str, str], payload: bytes = b"", service: int = 0, number: int = 0
) -> bytes:
    frame = _frame()()
    frame.SeqID, frame.LogID, frame.service, frame.method = number, number, service, method
    for key, value in headers.items():
        header = frame.headers.add()
        header.key, header.value = key, value
    if payload:
        frame.payload = payload
    return bytes(frame.SerializeToString())


def unpack(data: bytes) -> Seen:
    """Raises ValueError for what is no frame."""
    frame = _frame()()
    try:
        frame.ParseFromString(data)
    except Exception as error:  # the library's own kinds differ between its implementations
        raise ValueError(str(error)) from error
    return Seen(
        method=frame.method, headers={h.key: h.value for h in frame.headers}, payload=bytes(frame.payload)
    )


@cache
def _frame() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="lark.proto", package="lark", syntax="proto2")
    header = file.message_type.add(name="Header")
    for name, number in (("key", 1), ("value", 2)):
        header.field.add(name=name, number=number, type=_STRING, label=_LABEL_REQUIRED)
    frame = file.message_type.add(name="Frame")
    for name, number, kind in _WHOLE:
        frame.field.add(name=name, number=number, type=kind, label=_LABEL_REQUIRED)
    frame.field.add(name="headers", number=5, type=_MESSAGE, label=_LABEL_REPEATED, type_name=".lark.Header")
    for name, number, kind in (
        ("payload_encoding", 6, _STRING),
        ("payload_type", 7, _STRING),
        ("payload", 8, _BYTES),
        ("LogIDNew", 9, _STRING),
    ):
        frame.field.add(name=name, number=number, type=kind, label=_LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("lark.Frame"))
