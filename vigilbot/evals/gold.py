"""What humans know about an export, read from JSON lines: gold documents and labelled on-calls.

Only scoring reads this; nothing here reaches the bot.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from vigilbot.domain import Role, Scope
from vigilbot.errors import BadExport
from vigilbot.platforms.replay import Export
from vigilbot.platforms.slack_records import parse_ts
from vigilbot.text import canonical_url

_GOLD_LINE: Final = 'A line is {"channel", "thread_ts", "resolution_ts", "doc_id", "url"}'
_LABEL_LINE: Final = (
    'A line is {"thread_ts", "messages": [{"i", "ts", "role", "text", "label"}], "qa": [...]}'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldCase:
    """One conversation whose resolving document is known; ``doc_id`` "" when none resolves it.

    ``channel`` is as in the file (a name or an id) until the case is matched with an export; then
    it is the channel's id.
    """

    channel: str
    thread: str
    asked_at: datetime
    resolution_at: datetime
    doc_id: str
    url: str
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Gold:
    """Cases in the order of their resolutions, and the documents' ids by URL as written and canonical.

    ``missing`` counts cases whose thread the export does not have, ``left_out`` those the choice
    of channels or conversations excludes; neither is in ``cases`` after matching.
    """

    path: str
    cases: tuple[GoldCase, ...]
    documents: Mapping[str, str]
    missing: int = 0
    left_out: int = 0

    def by_thread(self) -> dict[tuple[str, str], GoldCase]:
        """Cases by channel and thread."""
        return {(case.channel, case.thread): case for case in self.cases}

    def document(self, url: str) -> str:
        """A URL's document: its id in the gold file, else the URL itself; "" for no URL."""
        if url in self.documents:
            return self.documents[url]
        address = canonical_url(url)
        return self.documents.get(address, address)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledMessage:
    ts: str
    at: datetime
    role: Role
    text: str
    label: Scope | None
    author: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledQuestion:
    """A question within scope, ``asked`` and ``answered`` as indices into the on-call's messages."""

    question: str
    asked: int
    answered: tuple[int, ...]
    answer: str  # "" when nobody resolved it


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledOnCall:
    """One labelled on-call. ``channel`` is "" until it is matched with an export."""

    source: str
    scope: str
    channel: str
    thread: str
    messages: tuple[LabelledMessage, ...]
    questions: tuple[LabelledQuestion, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """``left_out`` counts on-calls that are not in the replayed events (another export's, mostly)."""

    path: str
    oncalls: tuple[LabelledOnCall, ...]
    left_out: int = 0

    def by_thread(self) -> dict[tuple[str, str], LabelledOnCall]:
        """On-calls by channel and thread."""
        return {(oncall.channel, oncall.thread): oncall for oncall in self.oncalls}


def read_gold(path: Path) -> Gold:
    """A gold file. Raises BadExport with the line."""
    cases: list[GoldCase] = []
    documents: dict[str, str] = {}
    seen: dict[tuple[str, str], int] = {}
    for number, record in _lines(path):
        place = f"{path}:{number}"
        if "messages" in record and "channel" not in record:
            raise BadExport("a label file, not a gold file", place=place, remedy="Give it with --labels")
        case = _case(record, number, place)
        if (first := seen.setdefault((case.channel, case.thread), number)) != number:
            raise BadExport(
                f"thread {case.thread} of {case.channel} a second time, after line {first}",
                place=place,
                remedy="Keep one line a conversation",
            )
        if case.url and case.doc_id:
            # A URL given for two documents stays the first one's.
            documents.setdefault(case.url, case.doc_id)
            documents.setdefault(canonical_url(case.url), case.doc_id)
        cases.append(case)
    if not cases:
        raise BadExport("0 gold conversations", place=str(path), remedy=_GOLD_LINE)
    cases.sort(key=lambda c: (c.resolution_at, c.line))
    return Gold(path=str(path), cases=tuple(cases), documents=documents)


def _case(record: Mapping[str, Any], number: int, place: str) -> GoldCase:
    thread, asked_at = _ts(record, "thread_ts", place, _GOLD_LINE)
    _, resolution_at = _ts(record, "resolution_ts", place, _GOLD_LINE)
    if resolution_at < asked_at:
        raise BadExport("resolved before it began", place=place, remedy=_GOLD_LINE)
    doc_id = record.get("doc_id")
    if not (doc_id is None or isinstance(doc_id, str | int)) or isinstance(doc_id, bool):
        raise BadExport("doc_id is neither text nor null", place=place, remedy=_GOLD_LINE)
    return GoldCase(
        channel=_string(record, "channel", place, _GOLD_LINE),
        thread=thread,
        asked_at=asked_at,
        resolution_at=resolution_at,
        doc_id="" if doc_id is None else str(doc_id),
        url=_string(record, "url", place, _GOLD_LINE) if record.get("url") is not None else "",
        line=number,
    )


def match_gold(gold: Gold, export: Export) -> Gold:
    """The cases of the replayed conversations, with channel ids. Raises BadExport when the file is
    about something else: none of its threads is in the channels that were read.
    """
    ids = {c.name: c.id for c in export.channels} | {c.id: c.id for c in export.channels}
    replayed = {(e.channel, e.thread) for e in export.events}
    cases: list[GoldCase] = []
    absent: list[GoldCase] = []
    left_out = 0
    for case in gold.cases:
        channel = ids.get(case.channel.removeprefix("#"), "")
        if (channel, case.thread) in replayed:
            cases.append(replace(case, channel=channel))
        elif (channel and channel not in export.chosen) or (channel, case.thread) in export.threads:
            left_out += 1
        else:
            absent.append(case)
    if not cases and absent:
        first = min(absent, key=lambda c: c.line)
        raise BadExport(
            f"thread {first.thread} of {first.channel} is not in {export.name}, nor is any other of the file",
            place=f"{gold.path}:{first.line}",
            remedy="Give the gold file that belongs to this export",
        )
    if not cases:
        raise BadExport(
            "none of its conversations is among those chosen",
            place=gold.path,
            remedy="Choose other channels with --channel, or more conversations with --limit",
        )
    return replace(gold, cases=tuple(cases), missing=len(absent), left_out=left_out)


def read_labels(path: Path) -> Labels:
    """A file of labelled on-calls. Raises BadExport with the line."""
    oncalls: list[LabelledOnCall] = []
    for number, record in _lines(path):
        place = f"{path}:{number}"
        if "resolution_ts" in record and "messages" not in record:
            raise BadExport("a gold file, not a label file", place=place, remedy="Give it with --gold")
        thread, _ = _ts(record, "thread_ts", place, _LABEL_LINE)
        messages = tuple(_message(item, place) for item in _items(record, "messages", place))
        oncalls.append(
            LabelledOnCall(
                source=str(record.get("source") or ""),
                scope=str(record.get("scope") or ""),
                channel="",
                thread=thread,
                messages=messages,
                questions=tuple(_question(q, len(messages), place) for q in _items(record, "qa", place)),
            )
        )
    if not oncalls:
        raise BadExport("0 labelled on-calls", place=str(path), remedy=_LABEL_LINE)
    return Labels(path=str(path), oncalls=tuple(oncalls))


def _message(item: Mapping[str, Any], place: str) -> LabelledMessage:
    ts, at = _ts(item, "ts", place, _LABEL_LINE)
    try:
        role = Role(item.get("role", ""))
        label = None if item.get("label") is None else Scope(item["label"])
    except ValueError as error:
        raise BadExport(f"{error}", place=f"{place}, message {ts}", remedy=_LABEL_LINE) from error
    return LabelledMessage(
        ts=ts,
        at=at,
        role=role,
        text=_string(item, "text", place, _LABEL_LINE, empty=True),
        label=label,
        author=str(item.get("user") or ""),
    )


def _question(item: Mapping[str, Any], count: int, place: str) -> LabelledQuestion:
    answered = item.get("answered_at") or []
    indices: list[Any] = [item.get("asked_at"), *answered] if isinstance(answered, list) else [None]
    if any(not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < count for i in indices):
        raise BadExport(
            "asked_at or answered_at is not the index of a message", place=place, remedy=_LABEL_LINE
        )
    return LabelledQuestion(
        question=_string(item, "q", place, _LABEL_LINE),
        asked=indices[0],
        answered=tuple(indices[1:]),
        answer=_string(item, "answer", place, _LABEL_LINE) if item.get("answer") is not None else "",
    )


def match_labels(labels: Labels, export: Export) -> Labels:
    """The labelled on-calls whose thread was replayed, with channel ids; of threads with the same ts
    in several channels, the one that has most of the labelled messages.

    Raises BadExport when the export has none of them.
    """
    by_thread: dict[str, dict[str, set[str]]] = {}
    for event in export.events:
        by_thread.setdefault(event.thread, {}).setdefault(event.channel, set()).add(event.ts)
    matched: list[LabelledOnCall] = []
    for oncall in labels.oncalls:
        wanted = {m.ts for m in oncall.messages}
        places = by_thread.get(oncall.thread, {})
        shared = {channel: len(wanted & found) for channel, found in places.items()}
        if any(shared.values()):
            channel = min(shared, key=lambda c: (-shared[c], c))
            matched.append(replace(oncall, channel=channel))
    if not matched:
        raise BadExport(
            f"thread {labels.oncalls[0].thread} is not among the replayed conversations of {export.name}, "
            "nor is any other of this file",
            place=f"{labels.path}:1",
            remedy="Give the label file that belongs to this export, or more conversations with --limit",
        )
    return replace(labels, oncalls=tuple(matched), left_out=len(labels.oncalls) - len(matched))


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = error.object.count(b"\n", 0, error.start) + 1
        raise BadExport("not UTF-8 text", place=f"{path}:{at}", remedy="Give a JSON lines file") from error
    except OSError as error:
        raise BadExport(
            f"cannot be read ({error.strerror or error})", place=str(path), remedy="Give a JSON lines file"
        ) from error
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadExport(
                f"malformed JSON ({error.msg}, character {error.colno})",
                place=f"{path}:{number}",
                remedy="Every line is one JSON object",
            ) from error
        except (ValueError, RecursionError) as error:
            raise BadExport("unusable JSON", place=f"{path}:{number}", remedy=str(error)) from error
        if not isinstance(record, dict):
            raise BadExport("not an object", place=f"{path}:{number}", remedy="Every line is one JSON object")
        yield number, record


def _items(record: Mapping[str, Any], key: str, place: str) -> list[Mapping[str, Any]]:
    value = record.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadExport(f"{key} is no list of objects", place=place, remedy=_LABEL_LINE)
    return value


def _string(record: Mapping[str, Any], key: str, place: str, remedy: str, *, empty: bool = False) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not (value or empty):
        raise BadExport(f"{key} is missing or no text", place=place, remedy=remedy)
    return value


def _ts(record: Mapping[str, Any], key: str, place: str, remedy: str) -> tuple[str, datetime]:
    found = parse_ts(record.get(key))
    if found is None:
        raise BadExport(f"{key} is missing or no timestamp", place=place, remedy=remedy)
    return found
