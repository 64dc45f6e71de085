"""Does it add up? The sender's history against the ledger and what is shown: each in once, each out once.

Reads two files and nothing of the product, so that a mistake cannot hide itself here. One line a violation.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tests.chaos.history import Line, read

ACCEPTS = {"accepted_by_asker", "verified"}
TAKEN = ("Thank you: recorded", "Your Accept is recorded")
"""How people are told that a click was taken."""


def check(history: Path, ledger: Path) -> list[str]:
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in read(history):
        lines[line["do"]].append(line)
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [
            *_ends(lines),
            *_sound(database),
            *_messages(lines, database),
            *_changes(lines, database),
            *_cards(lines),
            *_clicks(lines, database),
            *_lessons(lines, database),
        ]


def _ends(lines: dict[str, list[Line]]) -> Iterator[str]:
    for line in lines["broke"]:
        yield f"life {line['life']} ended with {line['code']}"
    for line in lines["unquiet"]:
        yield f"never done: {line['waiting']}"
    if not lines["sent"]:
        yield "the history has no end"


def _sound(database: sqlite3.Connection) -> Iterator[str]:
    [[found]] = database.execute("PRAGMA integrity_check(1)").fetchall()
    if found != "ok":
        yield f"the ledger is damaged: {found}"
    for table, states in {"inbox": ("dead",), "requests": ("given_up",)}.items():
        for row in database.execute(f"SELECT * FROM {table} WHERE state IN ({_marks(states)})", states):
            yield f"given up in {table}: {row['id']} ({row['last_error']})"


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


def _messages(lines: dict[str, list[Line]], database: sqlite3.Connection) -> Iterator[str]:
    known = Counter((r["channel"], r["ts"]) for r in database.execute("SELECT channel, ts FROM messages"))
    for line in lines["said"]:
        found = known[line["where"], line["ts"]]
        if found != 1:
            yield f"message {line['ts']} is in the ledger {found} times"
    happenings = Counter(r["natural_key"] for r in database.execute("SELECT natural_key FROM inbox"))
    for key, times in happenings.items():
        if times > 1:
            yield f"{key} was taken in {times} times"


def _changes(lines: dict[str, list[Line]], database: sqlite3.Connection) -> Iterator[str]:
    """Edits, deletions and closes that were acknowledged are there."""
    messages = {(r["channel"], r["ts"]): r for r in database.execute("SELECT * FROM messages")}
    acknowledged = {(_kind(line["name"]), line["ts"]) for line in lines["sent"] if line["acknowledged"]}
    gone = {line["ts"] for line in lines["deleted"]}
    last = {(line["where"], line["ts"]): line["text"] for line in lines["edited"]}
    for (where, ts), text in last.items():
        row = messages.get((where, ts))
        if ("edited", ts) in acknowledged and ts not in gone and row and not row["text"].endswith(text):
            yield f"the edit of {ts} to '{text}' is lost: {row['text']!r}"
    for line in lines["deleted"]:
        row = messages.get((line["where"], line["ts"]))
        if acknowledged & {("deleted", line["ts"]), ("edited", line["ts"])} and row and not row["deleted"]:
            yield f"the deletion of {line['ts']} is lost"
    closed = {r["thread"] for r in database.execute("SELECT thread FROM oncalls WHERE state = 'closed'")}
    for line in lines["closed"]:
        if ("closed", line["ts"]) in acknowledged and line["ts"] not in closed:
            yield f"the close of {line['ts']} is lost"


def _kind(name: str) -> str:
    names = {"message.message_changed": "edited", "message.message_deleted": "deleted"}
    return names.get(name, "closed" if name == "reaction_added" else name)


def _cards(lines: dict[str, list[Line]]) -> Iterator[str]:
    cards = Counter(line["thread"] for line in lines["shown"] if line["card"])
    replies = Counter(line["thread"] for line in lines["shown"])
    over = {line["ts"] for line in (*lines["deleted"], *lines["closed"])}
    for line in lines["asked"]:
        ts, kind = line["ts"], line["kind"]
        if cards[ts] > 1:
            yield f"{cards[ts]} cards for the question {ts}"
        if replies[ts] > 1:
            yield f"{replies[ts]} replies to {ts}"
        if kind in ("known", "direct") and ts not in over and not cards[ts]:
            yield f"no card for the {kind} question {ts}"


def _clicks(lines: dict[str, list[Line]], database: sqlite3.Connection) -> Iterator[str]:
    """A click that was shown as taken has its effect, and every effect is there once."""
    told = {(line["who"], line["thread"]) for line in lines["told"] if line["text"].startswith(TAKEN)}
    clicks = database.execute(
        "SELECT f.kind, f.actor, f.role, d.ts, a.oncall, a.outcome "
        "FROM feedback f JOIN answers a ON a.id = f.answer "
        "JOIN deliveries d ON d.answer = f.answer AND d.audience = 'everyone'"
    ).fetchall()
    taken = {(r["actor"], r["ts"], r["kind"]): r for r in clicks}
    [begun] = lines["begun"]
    support = Counter(
        (r["oncall"], r["kind"])
        for r in database.execute("SELECT oncall, kind FROM support")
        if r["kind"] in ACCEPTS
    )
    back = {line["card"] for line in lines["clicked"] if line["action"] == "take_back"}
    for line in lines["clicked"]:
        if line["action"] != "accept" or (line["who"], line["thread"]) not in told:
            continue
        row = taken.get((begun["people"][line["who"]], line["card"], "accept"))
        if row is None:
            yield f"{line['who']}'s Accept of {line['card']} was confirmed and is lost"
            continue
        if line["card"] in back:
            continue
        kind = "verified" if row["role"] == "analyst" else "accepted_by_asker"
        effects = support[row["oncall"], kind]
        if effects != 1:
            yield f"{line['who']}'s Accept of {line['card']} had {effects} effects"
        if row["outcome"] not in ACCEPTS:
            yield f"the accepted card {line['card']} has the outcome {row['outcome']}"


def _lessons(lines: dict[str, list[Line]], database: sqlite3.Connection) -> Iterator[str]:
    learned: dict[str, set[str]] = defaultdict(set)
    for row in database.execute(
        "SELECT k.entry, o.thread FROM knowledge k JOIN oncalls o ON o.id = k.learned_from"
    ):
        learned[row["thread"]].add(row["entry"])
    for line in lines["answered"]:
        found = len(learned[line["thread"]])
        if found != 1:
            yield f"{found} entries were learned from {line['thread']}"
    taught = {line["thread"] for line in lines["answered"]}
    for line in lines["asked"]:
        if line["ts"] not in taught and learned[line["ts"]]:
            yield f"something was learned from {line['ts']}, where nobody said anything"
    for row in database.execute(
        "SELECT entry, operation, count(*) AS n FROM knowledge "
        "WHERE operation IN ('learn', 'verify') GROUP BY entry, operation HAVING n > 1"
    ):
        if row["operation"] == "learn" or not any(line["action"] == "take_back" for line in lines["clicked"]):
            yield f"entry {row['entry']} had {row['n']} times '{row['operation']}'"
