"""The exchange format of knowledge: JSON Lines, UTF-8, one entry a line. Format 1 is stable.

    id            text without spaces; the same id is the same entry wherever it is imported
    question      what the entry answers (of a chunk: its headings)
    answer        the answer (of a chunk: its text)
    format        1
    revision      the entry's revision, from 1
    kind          qa | chunk
    tenant        the workspace it belongs to; import has --tenant for lines without
    space         who may see it; import has --space for lines without
    channel       id of the channel it was learned in, "" for none
    precondition  when the answer holds, "" for always
    citations     [{"url": http(s) or "", "title": text}]
    trust         probation | confirmed | verified
    expires_at    time with offset, or null
    support       [{"oncall", "kind", "channel", "customer", "question", "at"}]
    provenance    {"learned_from", "message_ids", "operation", "actor", "reason", "valid_from"}

Only the first three must be there; what else is left out stays as it is in an entry that is known
already. A field that is not in this list is an error, so that a misspelt one is not lost in silence.
Keys, passwords and card numbers are taken out of what is read, as out of everything that is learned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from vigilbot.domain import KnowledgeEntry, PassageKind, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Row
from vigilbot.redact import redact_secrets

FORMAT = 1
MOST = 200_000  # characters of one text
REMEDY = "`vigilbot kb import --help` lists the fields"

Id = Annotated[str, Field(pattern=r"^[^\s#\x00-\x1f]{1,200}$")]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Short = Annotated[str, Field(max_length=2000)]
Text = Annotated[str, Field(max_length=MOST), AfterValidator(redact_secrets)]
Said = Annotated[str, Field(max_length=MOST, pattern=r"\S"), AfterValidator(redact_secrets)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Source(_Part):
    """A citation."""

    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=8000)] = ""
    title: Short = ""


class Supporting(_Part):
    """One on-call that speaks for the entry, or against it."""

    oncall: Name
    kind: SupportKind
    channel: Short = ""
    customer: Short = ""
    question: Text = ""
    at: AwareDatetime


class Provenance(_Part):
    """Where the entry comes from, and its last operation in the ledger it was exported from."""

    learned_from: Short = ""
    message_ids: tuple[Name, ...] = ()
    operation: Short = ""
    actor: Short = ""
    reason: Text = ""
    valid_from: AwareDatetime | None = None


class Line(_Part):
    """One entry, checked."""

    id: Id
    question: Said
    answer: Said
    format: Literal[1] = 1
    revision: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    kind: Literal["qa", "chunk"] = "qa"
    tenant: Name | None = None
    space: Name | None = None
    channel: Short = ""
    precondition: Text = ""
    citations: tuple[Source, ...] = ()
    trust: Trust = Trust.PROBATION
    expires_at: AwareDatetime | None = None
    support: tuple[Supporting, ...] = ()
    provenance: Provenance = Provenance()


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A line and where it stands (``file:number``)."""

    line: Line
    place: str


def read_lines(path: Path) -> tuple[Placed, ...]:
    """Every entry of a file. Raises BadInput at the first line that cannot be used; blank lines may be."""
    found: dict[str, Placed] = {}
    for number, raw in _raw(path):
        place = f"{path}:{number}"
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise BadInput("is not UTF-8", place=place, remedy="Save the file as UTF-8") from error
        if not text.strip():
            continue
        try:
            line = Line.model_validate_json(text)
        except ValidationError as error:
            raise _complaint(error, place) from error
        if before := found.get(line.id):
            first = before.place.rpartition(":")[2]
            raise BadInput(
                f"id '{line.id}' stands here a second time, first in line {first}",
                place=place,
                remedy="Keep one of them",
            )
        found[line.id] = Placed(line=line, place=place)
    return tuple(found.values())


def _raw(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from enumerate(file, start=1)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or type(error).__name__})"
        raise BadInput(problem, place=str(path), remedy="Name a JSON Lines file") from error


def _complaint(error: ValidationError, place: str) -> BadInput:
    """The first thing wrong with a line, in words an operator understands."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])[:100]
    match first["type"]:
        case "json_invalid":
            return BadInput(
                f"is not JSON ({first['ctx']['error']})",
                place=place,
                remedy="Every line is one JSON object, with quotes and commas",
            )
        case "missing":
            return BadInput(f"field '{name}' is missing", place=place, remedy=REMEDY)
        case "extra_forbidden":
            return BadInput(f"unknown field '{name}'", place=place, remedy=f"Remove or rename it; {REMEDY}")
        case _ if not name:
            return BadInput("is not a JSON object", place=place, remedy=REMEDY)
        case "literal_error" if name == "format":
            return BadInput(
                "was written in another format than 1", place=place, remedy="Import it with a newer VigilBot"
            )
        case _:
            said = first["msg"].replace("Input should be", "should be").rstrip(".")
            return BadInput(f"field '{name}' {_lower(said)}", place=place, remedy=REMEDY)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def written(entry: KnowledgeEntry, row: Row, supports: tuple[Row, ...]) -> str:
    """An entry as one line, without the line's end. ``row`` is its current revision's."""
    body: Mapping[str, Any] = {
        "format": FORMAT,
        "id": entry.id,
        "revision": entry.revision,
        "kind": PassageKind(entry.kind).value,
        "tenant": row["tenant"],
        "space": entry.space,
        "channel": entry.channel,
        "question": entry.question,
        "answer": entry.answer,
        "precondition": entry.precondition,
        "citations": [{"url": c.url, "title": c.title} for c in entry.citations],
        "trust": entry.trust.value,
        "expires_at": stamp(entry.expires_at) if entry.expires_at else None,
        "support": [
            {name: each[name] for name in ("oncall", "kind", "channel", "customer", "question", "at")}
            for each in supports
        ],
        "provenance": {
            "learned_from": entry.learned_from,
            "message_ids": list(entry.message_ids),
            "operation": row["operation"],
            "actor": entry.actor,
            "reason": row["reason"],
            "valid_from": stamp(entry.valid_from),
        },
    }
    return json.dumps(body, ensure_ascii=False)
