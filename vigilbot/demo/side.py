"""The bot's own view for the page: its last run, what it knows, how it is doing. Read from the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vigilbot.domain import Decision
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import pack
from vigilbot.ports import Row

Json = dict[str, Any]

_STAGES = ("identify", "rewrite", "retrieve", "rerank", "answer", "dedup")
_SHOWN = 8  # passages of a run
_ENTRIES = 100  # the ones that changed last

_LAST_RUN = (
    "SELECT r.*, c.name, o.channel, o.thread FROM runs r JOIN oncalls o ON o.id = r.oncall "
    "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel ORDER BY r.rowid DESC LIMIT 1"
)
_ANSWER = (
    "SELECT a.*, q.text AS asked, d.state AS delivery, d.audience AS shown_to FROM answers a "
    "JOIN questions q ON q.id = a.question LEFT JOIN deliveries d ON d.answer = a.id WHERE a.run = :run "
    "ORDER BY a.confidence DESC, a.id LIMIT 1"
)
_CITED = (
    "SELECT entry, revision, question, answer, space FROM knowledge "
    "WHERE entry IN (SELECT value FROM json_each(:ids))"
)
_KNOWLEDGE = (
    "SELECT k.*, c.name AS place, (SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry "
    "AND s.kind != 'contradicted') AS support FROM knowledge k "
    "LEFT JOIN channels c ON c.tenant = k.tenant AND c.channel = k.channel WHERE k.entry IN "
    "(SELECT entry FROM knowledge WHERE valid_to IS NULL ORDER BY seq DESC LIMIT :most) ORDER BY k.seq"
)
_ANSWERED = (
    "SELECT l.key AS entry, a.tenant, a.at, q.text AS question, c.name, d.accepted_by, "
    "coalesce(a.outcome, d.state) AS became, EXISTS (SELECT 1 FROM corrections r WHERE r.answer = a.id "
    "AND r.state IN ('due', 'sent')) AS corrected FROM deliveries d JOIN answers a ON a.id = d.answer "
    "JOIN json_each(a.leaned) l JOIN questions q ON q.id = a.question JOIN oncalls o ON o.id = a.oncall "
    "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
    "WHERE d.sent_at IS NOT NULL AND l.key IN (SELECT value FROM json_each(:ids)) ORDER BY d.sent_at"
)
_STATUS = (
    "SELECT (SELECT count(*) FROM inbox WHERE state = 'new') AS waiting, "
    "(SELECT count(*) FROM oncalls WHERE state = 'open') AS open, "
    "(SELECT count(*) FROM deliveries WHERE state = 'sent') AS cards, "
    "(SELECT count(*) FROM deliveries WHERE accepted_by != '') AS accepted, "
    "(SELECT count(*) FROM knowledge WHERE valid_to IS NULL AND retracted = 0) AS entries"
)


async def last_run(ledger: Ledger) -> Json | None:
    """The trace of the newest run; None before the first."""
    rows = await ledger.fetch(_LAST_RUN)
    if not rows:
        return None
    run = rows[0]
    trace = json.loads(run["trace"])
    found = await ledger.fetch(_ANSWER, run=run["id"])
    answer = found[0] if found else None
    return {
        "id": run["id"],
        "at": run["at"],
        "oncall": run["oncall"],
        "channel": run["name"],
        "thread": run["thread"],
        "question": answer["asked"] if answer else "",
        "scope": run["scope"],
        "within": run["within"],
        "mode": run["mode"],
        "result": run["result"],
        "decision": _decision(answer) if answer else "",
        "reason": answer["reason"] if answer else trace["identification"]["reason"],
        "engine": trace["engine"],
        "stages": _stages(trace["timings_ms"]),
        "passages": await _passages(ledger, json.loads(answer["passages"])) if answer else [],
        "answer": _answer(answer) if answer else None,
        "versions": {
            "engine": trace["engine_version"],
            "gate": trace["gate"],
            **({"calls": trace["calls"]} if "calls" in trace else {}),
        },
    }


def _decision(answer: Row) -> str:
    """What became of the answer's card, or what was decided where there is none."""
    if not answer["delivery"]:
        return str(answer["audience"])
    state = str(answer["delivery"]).replace("_", " ")
    return f"draft for analysts, {state}" if answer["shown_to"] == Decision.ANALYSTS else state


def _stages(timings: Json) -> list[Json]:
    known = [name for name in _STAGES if name in timings]
    return [{"name": name, "ms": timings[name]} for name in (*known, *sorted(timings.keys() - set(known)))]


def _answer(answer: Row) -> Json:
    return {
        "text": answer["text"],
        "confidence": answer["confidence"],
        "would_post": bool(answer["would_post"]),
    }


async def _passages(ledger: Ledger, seen: Sequence[Json]) -> list[Json]:
    """The candidates as they were then: each with the revision that the run saw."""
    shown = seen[:_SHOWN]
    rows = await ledger.fetch(_CITED, ids=pack([passage["entry"] for passage in shown]))
    known = {(row["entry"], row["revision"]): row for row in rows}
    found = []
    for passage in shown:
        row = known.get((passage["entry"], passage["revision"]))
        if row is not None:
            told = {name: passage[name] for name in ("entry", "dense", "lexical", "score", "support")}
            found.append(
                {**told, "question": row["question"], "answer": row["answer"], "space": row["space"]}
            )
    return found


async def knowledge(ledger: Ledger) -> Json:
    """Every revision of the entries that changed last, oldest first; and what each has answered."""
    rows = await ledger.fetch(_KNOWLEDGE, most=_ENTRIES)
    answered: dict[str, list[Json]] = {}
    for row in await ledger.fetch(_ANSWERED, ids=pack(sorted({row["entry"] for row in rows}))):
        told = {name: row[name] for name in ("at", "question", "became", "corrected")}
        by = [user for user in row["accepted_by"].split(",") if user]
        names = [await ledger.chats.name_of(row["tenant"], user) or user for user in by]
        answered.setdefault(row["entry"], []).append(
            {**told, "channel": row["name"], "accepted": ", ".join(names)}
        )
    same = ("entry", "revision", "question", "answer", "precondition", "trust", "support", "operation")
    return {
        "entries": [
            {
                **{name: row[name] for name in (*same, "actor", "reason")},
                "at": row["valid_from"],
                "retracted": bool(row["retracted"]),
                "channel": row["place"] or "",
                "answered": answered.get(row["entry"], [])[-_SHOWN:],
            }
            for row in rows
        ]
    }


async def status(
    ledger: Ledger, *, reasons: Sequence[str], remarks: Sequence[str], engine: str, index: tuple[str, str]
) -> Json:
    """``reasons`` keep the bot from working, ``remarks`` do not; ``index`` is a line and its level."""
    [row] = await ledger.fetch(_STATUS)
    lines = [{"name": "Bot", "value": "ready", "level": "ok"}]
    if reasons:
        lines = [{"name": "Bot", "value": reason, "level": "error"} for reason in reasons]
    lines += [{"name": "Remark", "value": remark, "level": "warning"} for remark in remarks]
    lines.append({"name": "Index", "value": index[0], "level": index[1]})
    lines += [
        {"name": name, "value": str(value), "level": ""}
        for name, value in (
            ("Engine", engine),
            ("Events waiting", row["waiting"]),
            ("Open on-calls", row["open"]),
            ("Cards shown", row["cards"]),
            ("Accepted", row["accepted"]),
            ("Entries known", row["entries"]),
        )
    ]
    return {"lines": lines}
