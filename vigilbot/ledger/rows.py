"""How domain values are written into columns, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from vigilbot.domain import (
    Citation,
    Event,
    EventKind,
    Image,
    KnowledgeEntry,
    Message,
    OnCall,
    OnCallState,
    PassageKind,
    Question,
    Role,
    Trust,
)
from vigilbot.ports import Row, Vector
from vigilbot.redact import Redact, untouched


def stamp(at: datetime) -> str:
    """UTC text of fixed width: sorts in time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def optional_moment(text: str | None) -> datetime | None:
    return moment(text) if text else None


def pack(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def vector_blob(vector: Vector) -> bytes:
    return np.asarray(vector, dtype="<f4").tobytes()


def blob_vector(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype="<f4").astype(np.float32)


def blob_matrix(blobs: Iterable[bytes]) -> Vector:
    """One vector a row. ValueError when there are none, or not all of one length."""
    rows = list(blobs)
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"{len(rows)} vectors of different lengths")
    return np.frombuffer(b"".join(rows), dtype="<f4").astype(np.float32).reshape(len(rows), -1)


def pack_citations(citations: Iterable[Citation]) -> str:
    return pack([[c.url, c.title] for c in citations])


def unpack_citations(text: str) -> tuple[Citation, ...]:
    return tuple(Citation(url=url, title=title) for url, title in json.loads(text))


def pack_event(event: Event, *, redact: Redact = untouched) -> str:
    """``redact`` is applied to what somebody wrote, and to the names of their pictures."""
    body = asdict(event)
    body["at"] = stamp(event.at)
    body["text"] = redact(event.text)
    for image in body["images"]:
        image["title"] = redact(image["title"])
    return pack(body)


def unpack_event(text: str) -> Event:
    body: dict[str, Any] = json.loads(text)
    known = {f.name for f in fields(Event)}
    body = {name: value for name, value in body.items() if name in known}
    body["kind"] = EventKind(body["kind"])
    body["at"] = moment(body["at"])
    body["images"] = tuple(Image(**image) for image in body["images"])
    body["user_groups"] = tuple(body["user_groups"])
    return Event(**body)


def to_message(row: Row) -> Message:
    return Message(
        id=row["id"],
        ts=row["ts"],
        at=moment(row["at"]),
        role=Role(row["role"]),
        author=row["author"],
        text=row["text"],
        images=tuple(Image(**image) for image in json.loads(row["images"])),
        author_name=row["author_name"],
        thread=row["thread"],
        version=row["version"],
    )


def to_oncall(row: Row) -> OnCall:
    return OnCall(
        id=row["id"],
        tenant=row["tenant"],
        channel=row["channel"],
        thread=row["thread"],
        state=OnCallState(row["state"]),
        opened_at=moment(row["opened_at"]),
        joined_at=optional_moment(row["joined_at"]),
        customer=row["customer"],
        last_at=moment(row["last_at"]),
        quiet=bool(row["quiet"]),
    )


def to_entry(row: Row) -> KnowledgeEntry:
    return KnowledgeEntry(
        id=row["entry"],
        revision=row["revision"],
        kind=PassageKind(row["kind"]),
        question=row["question"],
        answer=row["answer"],
        citations=unpack_citations(row["citations"]),
        trust=Trust(row["trust"]),
        space=row["space"],
        channel=row["channel"],
        learned_from=row["learned_from"],
        message_ids=names(row["message_ids"]),
        valid_from=moment(row["valid_from"]),
        actor=row["actor"],
        precondition=row["precondition"],
        expires_at=optional_moment(row["expires_at"]),
    )


def to_question(row: Row) -> Question:
    return Question(
        text=row["text"],
        message_ids=names(row["message_ids"]),
        terms=names(row["terms"]),
        asks=row.get("asks", 1.0),
    )


def columns(values: Mapping[str, Any]) -> str:
    """``a, b`` and ``:a, :b`` for an INSERT of these values."""
    return f"({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})"
