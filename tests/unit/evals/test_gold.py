"""Gold and label files: what is read, what is matched, and every way they can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vigilbot.domain import Role, Scope
from vigilbot.errors import BadExport
from vigilbot.evals.gold import match_gold, match_labels, read_gold, read_labels
from vigilbot.platforms.replay import Export, read_export

T0 = 1_700_000_000


def ts(seconds: int) -> str:
    return f"{T0 + seconds}.000000"


def export(path: Path, **options: Any) -> Export:
    """Channel help with threads 0 and 10, channel billing with thread 0."""
    days = {
        "help/2023-11-14.json": [(0, 0), (1, 0), (10, 10)],
        "billing/2023-11-14.json": [(0, 0), (2, 0)],
    }
    files: dict[str, Any] = {
        "users.json": [],
        "channels.json": [{"id": "C1", "name": "help"}, {"id": "C2", "name": "billing"}],
    }
    for name, records in days.items():
        files[name] = [
            {"type": "message", "user": "U1", "text": "x", "ts": ts(at), "thread_ts": ts(thread)}
            for at, thread in records
        ]
    for name, content in files.items():
        (path / "export" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "export" / name).write_text(json.dumps(content))
    return read_export(path / "export", **options)


def case(channel: str = "help", thread: int = 0, resolved: int = 100, **extra: Any) -> dict[str, Any]:
    record = {"channel": channel, "thread_ts": ts(thread), "resolution_ts": ts(resolved)}
    return {**record, "doc_id": "d1", "url": "https://docs.example/a", **extra}


def oncall(thread: int = 0, **extra: Any) -> dict[str, Any]:
    messages = [
        {"i": 0, "ts": ts(thread), "role": "customer", "user": "a", "text": "how?", "label": "within"},
        {"i": 1, "ts": ts(thread + 2), "role": "analyst", "user": "b", "text": "so", "label": None},
    ]
    qa = [{"q": "How?", "asked_at": 0, "answered_at": [1], "answer": "So."}]
    record = {"source": "x", "scope": "things", "thread_ts": ts(thread), "messages": messages, "qa": qa}
    return {**record, **extra}


def lines(path: Path, *records: Any) -> Path:
    target = path / "file.jsonl"
    target.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records) + "\n")
    return target


def test_gold_is_read_in_the_order_of_resolutions(tmp_path: Path) -> None:
    gold = read_gold(
        lines(tmp_path, case(resolved=300), "", case(thread=10, resolved=200, doc_id=None, url=None))
    )
    assert [(c.thread, c.doc_id, c.line) for c in gold.cases] == [(ts(10), "", 3), (ts(0), "d1", 1)]


def test_urls_of_one_document_are_one_and_unknown_ones_are_their_own(tmp_path: Path) -> None:
    other = case(thread=10, url="https://docs.example/b")
    gold = read_gold(lines(tmp_path, case(), other))
    assert gold.document("https://docs.example/a") == "d1"
    assert gold.document("http://www.DOCS.example/b/") == "d1"
    assert gold.document("https://docs.example/c") == gold.document("http://docs.example/c/") != "d1"
    assert gold.document("") == ""


def test_gold_is_matched_by_name_or_id(tmp_path: Path) -> None:
    gold = read_gold(lines(tmp_path, case("help"), case("#billing"), case("C1", 10)))
    assert {(c.channel, c.thread) for c in match_gold(gold, export(tmp_path)).cases} == {
        ("C1", ts(0)),
        ("C2", ts(0)),
        ("C1", ts(10)),
    }


def test_a_few_missing_threads_are_counted(tmp_path: Path) -> None:
    gold = match_gold(read_gold(lines(tmp_path, case(), case(thread=77), case("gone"))), export(tmp_path))
    assert (len(gold.cases), gold.missing, gold.left_out) == (1, 2, 0)


def test_what_was_not_chosen_is_left_out(tmp_path: Path) -> None:
    gold = read_gold(lines(tmp_path, case("help"), case("help", 10), case("billing")))
    one_channel = match_gold(gold, export(tmp_path, channels=["billing"]))
    assert ([c.channel for c in one_channel.cases], one_channel.left_out, one_channel.missing) == (
        ["C2"],
        2,
        0,
    )
    # Both channels have a thread 0; ties go by channel.
    first = match_gold(gold, export(tmp_path, limit=2))
    assert ({c.thread for c in first.cases}, first.left_out, first.missing) == ({ts(0)}, 1, 0)


def test_gold_of_another_export_names_the_first_thread(tmp_path: Path) -> None:
    gold = read_gold(lines(tmp_path, case(thread=78, resolved=900), case(thread=77, resolved=100)))
    with pytest.raises(BadExport) as caught:
        match_gold(gold, export(tmp_path))
    assert caught.value.place.endswith("file.jsonl:1")
    assert f"thread {ts(78)} of help" in caught.value.problem


def test_gold_of_channels_not_chosen(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="none of its conversations"):
        match_gold(read_gold(lines(tmp_path, case("help"))), export(tmp_path, channels=["billing"]))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("{", "malformed JSON"),
        ("[1]", "not an object"),
        ("[" * 100_000, "unusable JSON"),
        (oncall(), "a label file, not a gold file"),
        ({k: v for k, v in case().items() if k != "channel"}, "channel is missing"),
        ({k: v for k, v in case().items() if k != "thread_ts"}, "thread_ts is missing"),
        (case() | {"resolution_ts": "later"}, "resolution_ts is missing"),
        (case(resolved=-5), "resolved before it began"),
        (case(doc_id=["d"]), "doc_id"),
        (case(url=7), "url is missing"),
        (case("billing"), "a second time, after line 1"),
    ],
)
def test_bad_gold_says_file_and_line(tmp_path: Path, record: Any, problem: str) -> None:
    path = lines(tmp_path, case("billing"), record)
    with pytest.raises(BadExport) as caught:
        read_gold(path)
    assert caught.value.place == f"{path}:2"
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_gold_files_that_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="0 gold conversations"):
        read_gold(lines(tmp_path, ""))
    with pytest.raises(BadExport, match="cannot be read"):
        read_gold(tmp_path / "nothing.jsonl")
    (tmp_path / "bytes").write_bytes(b"\n\n\xff\xfe")
    with pytest.raises(BadExport, match=r"bytes:3: not UTF-8"):
        read_gold(tmp_path / "bytes")


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(case(analyst="a\u2028b"), ensure_ascii=False), encoding="utf-8")
    assert len(read_gold(path).cases) == 1


def test_labels_are_read_and_matched_by_thread(tmp_path: Path) -> None:
    labels = match_labels(read_labels(lines(tmp_path, oncall(), oncall(500))), export(tmp_path))
    (only,) = labels.oncalls
    # Both channels have a thread 0; only billing has the message 2 s later.
    assert (only.channel, only.thread, labels.left_out) == ("C2", ts(0), 1)
    assert [(m.role, m.label) for m in only.messages] == [
        (Role.CUSTOMER, Scope.WITHIN),
        (Role.ANALYST, None),
    ]
    assert only.questions[0].answered == (1,)
    assert labels.by_thread() == {("C2", ts(0)): only}


def test_labels_of_another_export(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match=f"thread {ts(500)} is not among"):
        match_labels(read_labels(lines(tmp_path, oncall(500))), export(tmp_path))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("nope", "malformed JSON"),
        (case(), "a gold file, not a label file"),
        (oncall(messages={}), "messages is no list"),
        (oncall(qa=None), "qa is no list"),
        (oncall(qa=[{"q": "x", "asked_at": 9, "answered_at": []}]), "not the index"),
        (oncall(qa=[{"q": "x", "asked_at": 0, "answered_at": 1}]), "not the index"),
        (oncall(qa=[{"q": "", "asked_at": 0, "answered_at": []}]), "q is missing"),
        (oncall(messages=[{"ts": ts(0), "role": "boss", "text": "x"}]), "boss"),
        (oncall(messages=[{"ts": ts(0), "role": "customer", "text": "x", "label": "maybe"}]), "maybe"),
        (oncall(messages=[{"ts": ts(0), "role": ["customer"], "text": "x"}]), "customer"),
        (oncall(messages=[{"role": "customer", "text": "x"}]), "ts is missing"),
    ],
)
def test_bad_labels_say_file_and_line(tmp_path: Path, record: Any, problem: str) -> None:
    path = lines(tmp_path, oncall(), record)
    with pytest.raises(BadExport) as caught:
        read_labels(path)
    assert caught.value.place.startswith(f"{path}:2")
    assert problem in caught.value.problem
