"""A person's words leave the ledger: every row stays, its text goes. This cannot be taken back.

What is blanked: their messages and the events that brought them, what they asked the bot, commands they
typed, names; the questions made of their messages; answers, runs and reviews that rest on these; every
revision of what was learned from their words, which is taken out of use; the words by which they asked for
what others explained. Copies of the ledger from before a migration are deleted. Copies elsewhere (backups,
exports, logs, kept pages and model replies, the platform itself) are for whoever keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vigilbot.admin import audit
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge, lexemes_of
from vigilbot.knowledge.revisions import next_revision
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.rows import pack, stamp, to_entry
from vigilbot.ports import Row, Statement
from vigilbot.text import fold, shorten

ERASED = "erased on request"
_HEAD = 160  # characters of an answer that stand in for the question somebody took along
_CHUNK = 400  # ids a statement

_BODY = ("text", "user_name", "user_title", "reaction")
"""Fields of an event in which words of a person stand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """What belongs to a person. ``gone`` are entries that rest on their words, ``renamed`` entries of others
    that only carry their way of asking."""

    tenant: str
    person: str
    name: str
    messages: tuple[str, ...]
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    runs: tuple[str, ...]
    oncalls: tuple[str, ...]
    cards: tuple[str, ...]  # deliveries that stand and are taken down
    gone: tuple[str, ...]
    renamed: tuple[str, ...]
    wordings: tuple[str, ...]  # keys of vectors made of their ways of asking
    events: int
    requests: int

    @property
    def nothing(self) -> bool:
        return not (self.messages or self.events or self.requests or self.questions or self.name)


_MESSAGES = "SELECT id FROM messages WHERE tenant = :tenant AND author = :person"
_ONCALLS = "SELECT DISTINCT oncall AS id FROM messages WHERE tenant = :tenant AND author = :person"
_ASKED = (
    "SELECT id, run, text, entry, oncall FROM questions WHERE tenant = :tenant AND (asker = :person OR "
    "EXISTS (SELECT 1 FROM json_each(message_ids) m JOIN messages x ON x.id = m.value "
    "WHERE x.author = :person))"
)
_RESTS = (
    "EXISTS (SELECT 1 FROM json_each(a.leaned) l WHERE l.key IN (SELECT value FROM json_each(:gone))) "
    "OR a.question IN (SELECT value FROM json_each(:questions))"
)
_ANSWERS = f"SELECT a.id, a.run FROM answers a WHERE a.tenant = :tenant AND ({_RESTS})"
_CARDS = (
    "SELECT d.key AS id FROM deliveries d JOIN answers a ON a.id = d.answer WHERE d.tenant = :tenant "
    "AND d.state = 'sent' AND d.audience = 'everyone' "
    f"AND (d.posted_by = :person AND d.text IS NOT NULL OR {_RESTS})"
)
_RUNS = (
    "SELECT id FROM runs WHERE tenant = :tenant AND EXISTS (SELECT 1 FROM json_each(triggers) t "
    "JOIN messages m ON m.id = t.value WHERE m.author = :person)"
)
_WORDINGS = (
    "SELECT DISTINCT entry || '#' || oncall AS id FROM support WHERE tenant = :tenant AND question != '' "
    "AND (customer = :person OR EXISTS (SELECT 1 FROM questions q WHERE q.oncall = support.oncall "
    "AND q.text = support.question AND q.id IN (SELECT value FROM json_each(:questions))))"
)
_COUNTS = (
    "SELECT (SELECT count(*) FROM inbox WHERE tenant = :tenant AND json_extract(body, '$.user') = :person) "
    "AS events, (SELECT count(*) FROM requests WHERE tenant = :tenant AND user = :person) AS requests"
)


async def plan(ledger: Ledger, *, tenant: str, person: str) -> Erasure:
    """What would be blanked. Reads only."""
    who = {"tenant": tenant, "person": person}
    messages = await _ids(ledger, _MESSAGES, who)
    asked = await ledger.fetch(_ASKED, **who)
    gone = await _resting_on(ledger, messages)
    made = {"gone": pack(list(gone)), "questions": pack([row["id"] for row in asked])}
    answers = await ledger.fetch(_ANSWERS, tenant=tenant, **made)
    runs = await _ids(ledger, _RUNS, who)
    [counts] = await ledger.fetch(_COUNTS, **who)
    return Erasure(
        tenant=tenant,
        person=person,
        name=await ledger.chats.name_of(tenant, person),
        messages=messages,
        questions=tuple(row["id"] for row in asked),
        answers=tuple(row["id"] for row in answers),
        runs=tuple(dict.fromkeys((*runs, *(row["run"] for row in (*asked, *answers))))),
        oncalls=await _ids(ledger, _ONCALLS, who),
        cards=await _ids(ledger, _CARDS, {**who, **made}),
        gone=gone,
        renamed=tuple(entry for entry in await _asked_for(ledger, asked, who) if entry not in gone),
        wordings=await _ids(ledger, _WORDINGS, {**who, "questions": made["questions"]}),
        events=counts["events"],
        requests=counts["requests"],
    )


async def _ids(ledger: Ledger, sql: str, args: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(row["id"] for row in await ledger.fetch(sql, **args))


async def _resting_on(ledger: Ledger, messages: Sequence[str]) -> tuple[str, ...]:
    """Entries of which any revision was made of these messages, and what was shared from them."""
    return await _ids(
        ledger,
        "WITH made AS (SELECT DISTINCT k.entry FROM knowledge k, json_each(k.message_ids) m "
        "WHERE m.value IN (SELECT value FROM json_each(:messages))) "
        "SELECT entry AS id FROM made UNION SELECT copy FROM shares WHERE original IN "
        "(SELECT entry FROM made) ORDER BY 1",
        {"messages": pack(list(messages))},
    )


async def _asked_for(ledger: Ledger, asked: Sequence[Row], who: Mapping[str, str]) -> list[str]:
    """Entries whose question may be this person's words: what it taught, and what asks the same."""
    texts = {(row["oncall"], fold(row["text"])) for row in asked if row["text"]}
    taught = {row["entry"] for row in asked if row["entry"]}
    rows = await ledger.fetch(
        "SELECT k.entry, k.question, k.learned_from, o.customer FROM knowledge k "
        "LEFT JOIN oncalls o ON o.id = k.learned_from WHERE k.tenant = :tenant",
        tenant=who["tenant"],
    )
    found = [
        row["entry"]
        for row in rows
        if row["entry"] in taught
        or row["customer"] == who["person"]
        or (row["learned_from"], fold(row["question"])) in texts
    ]
    copies = await _ids(
        ledger,
        "SELECT copy AS id FROM shares WHERE original IN (SELECT value FROM json_each(:found))",
        {"found": pack(found)},
    )
    return sorted({*found, *copies})


async def erase(found: Erasure, *, ledger: Ledger, knowledge: Knowledge, actor: str, at: datetime) -> None:
    """Blanks all of it in one write, then sees to it that no byte is left. Doing it again is harmless."""
    if found.nothing:
        raise BadInput("nothing is known of this person", place=found.person)
    async with knowledge.writing:
        keys, knowing = await _of_knowledge(ledger, found, at)
        await ledger.write(
            *_of_chats(found, at),
            *_of_work(found, at),
            *await _of_bodies(ledger, found),
            *knowing,
            audit(
                tenant=found.tenant,
                at=at,
                actor=actor,
                action="erase",
                subject=found.person,
                detail=f"{len(found.messages)} messages, {len(found.gone)} entries",
            ),
        )
        await knowledge.follow(dropped=keys)
    await ledger.scrub()


def _each(sql: str, ids: Iterable[str], **args: object) -> list[Statement]:
    """One statement for so many ids at a time."""
    known = list(ids)
    return [
        Statement(sql, {**args, "ids": pack(known[start : start + _CHUNK])})
        for start in range(0, len(known), _CHUNK)
    ]


_IN = "IN (SELECT value FROM json_each(:ids))"


def _of_chats(found: Erasure, at: datetime) -> list[Statement]:
    """Messages, names, and what they typed to the bot."""
    who = {"tenant": found.tenant, "person": found.person}
    where = "WHERE tenant = :tenant AND actor = :person"
    return [
        Statement(
            "UPDATE messages SET text = '', images = '[]', author_name = '', deleted = 1, "
            "version = version + (deleted = 0) WHERE tenant = :tenant AND author = :person",
            who,
        ),
        Statement("UPDATE roster SET name = '' WHERE tenant = :tenant AND user = :person", who),
        Statement(f"UPDATE roster SET actor_name = '' {where}", who),
        Statement(f"UPDATE feedback SET actor_name = '' {where}", who),
        Statement(f"UPDATE audit SET detail = '' {where}", who),
        Statement(f"UPDATE knowledge SET reason = '' {where}", who),
        Statement(
            "UPDATE deliveries SET text = '', refresh_at = :at WHERE tenant = :tenant "
            "AND posted_by = :person AND text IS NOT NULL",
            {**who, "at": stamp(at)},
        ),
        Statement("UPDATE audit SET detail = '' WHERE tenant = :tenant AND instr(detail, :person) > 0", who),
        *_each(f"UPDATE oncalls SET last_error = '' WHERE id {_IN}", found.oncalls),
    ]


def _of_work(found: Erasure, at: datetime) -> list[Statement]:
    """What the bot made of their messages: questions, answers, runs, reviews; and cards that stand."""
    return [
        *_each(
            "UPDATE questions SET text = '', terms = '[]', vector = NULL, last_error = '', "
            f"standing_at = NULL, state = CASE WHEN state IN ('open', 'unresolved') THEN 'withdrawn' "
            f"ELSE state END WHERE id {_IN}",
            found.questions,
        ),
        *_each(
            f"UPDATE answers SET text = '', citations = '[]', reason = '', proposal = '' WHERE id {_IN}",
            found.answers,
        ),
        *_each(f"UPDATE reviews SET reason = '' WHERE answer {_IN}", found.answers),
        *_each(
            f"UPDATE reviews SET reason = '' WHERE answer IN (SELECT id FROM answers WHERE oncall {_IN})",
            found.oncalls,
        ),
        *_each(
            "UPDATE runs SET trace = json_remove(json_set(trace, '$.identification.reason', ''), "
            f"'$.fallbacks', '$.calls') WHERE id {_IN}",
            found.runs,
        ),
        *_each(
            f"UPDATE model_calls SET error = :erased WHERE error != '' AND oncall {_IN}",
            found.oncalls,
            erased=ERASED,
        ),
        *_each(f"UPDATE deliveries SET last_error = '' WHERE answer {_IN}", found.answers),
        *_each(
            f"UPDATE deliveries SET state = 'withdrawn', refresh_at = :at WHERE key {_IN} AND state = 'sent'",
            found.cards,
            at=stamp(at),
        ),
        *_each(
            f"UPDATE deliveries SET state = 'withdrawn' WHERE answer {_IN} AND state = 'due'", found.answers
        ),
    ]


async def _of_bodies(ledger: Ledger, found: Erasure) -> list[Statement]:
    """The events as they came: only who, when and where stay."""
    who = {"tenant": found.tenant, "person": found.person}
    statements = []
    events = await ledger.fetch(
        "SELECT id, body FROM inbox WHERE tenant = :tenant AND json_extract(body, '$.user') = :person", **who
    )
    for row in events:
        statements.append(
            Statement(
                "UPDATE inbox SET body = :body, last_error = '' WHERE id = :id",
                {"id": row["id"], "body": _bare(row["body"])},
            )
        )
    asked = await ledger.fetch(
        "SELECT id, body FROM requests WHERE tenant = :tenant AND user = :person", **who
    )
    for row in asked:
        statements.append(
            Statement(
                "UPDATE requests SET body = :body, last_error = '', "
                "state = CASE WHEN state = 'due' THEN 'given_up' ELSE state END WHERE id = :id",
                {"id": row["id"], "body": _bare(row["body"])},
            )
        )
    return statements


def _bare(body: str) -> str:
    event = json.loads(body)
    return pack({**event, **{name: "" for name in _BODY if name in event}, "images": []})


async def _of_knowledge(ledger: Ledger, found: Erasure, at: datetime) -> tuple[list[str], list[Statement]]:
    """Keys of vectors that are gone with it, and statements. Who goes by other words gets a vector later."""
    keys = list(found.wordings)
    statements: list[Statement] = []
    for entry in found.gone:
        row = await ledger.entries.entry(entry)
        keys += await ledger.entries.embedding_keys(entry)
        if row is not None and not row["retracted"]:
            known = to_entry(row)
            tomb = next_revision(
                known, row["tenant"], trust=known.trust, operation="retract", actor="vigilbot", reason=ERASED
            )
            statements += Entries.append(replace(tomb, retracted=True), at=at, lexemes=())
        statements.append(Entries.drop_embeddings(entry))
    statements += _each(
        "UPDATE knowledge SET question = '', answer = '', precondition = '', citations = '[]', "
        f"reason = CASE WHEN reason = :erased THEN reason ELSE '' END WHERE entry {_IN}",
        found.gone,
        erased=ERASED,
    )
    statements += _each(f"UPDATE support SET question = '' WHERE entry {_IN}", found.gone)
    statements += _each(
        f"UPDATE support SET question = '' WHERE entry || '#' || oncall {_IN}", found.wordings
    )
    statements += _each(f"DELETE FROM embeddings WHERE key {_IN}", found.wordings)
    statements += _each(f"UPDATE audit SET detail = '' WHERE subject {_IN}", (*found.gone, *found.renamed))
    for entry in found.renamed:
        statements += await _renamed(ledger, entry, found)
        keys.append(entry)
    return keys, statements


async def _renamed(ledger: Ledger, entry: str, found: Erasure) -> list[Statement]:
    """The entry keeps its answer and goes by another question: how others asked, else how it begins."""
    others = [
        row["question"]
        for row in await ledger.entries.supports([entry])
        if row["question"] and f"{entry}#{row['oncall']}" not in found.wordings
    ]
    statements = [Statement("DELETE FROM embeddings WHERE key = :entry", {"entry": entry})]
    for row in await ledger.entries.revisions(entry):
        known = to_entry(row)
        question = others[0] if others else shorten(known.answer, _HEAD)
        statements.append(
            Statement(
                "UPDATE knowledge SET question = :question, reason = '' WHERE seq = :seq",
                {"seq": row["seq"], "question": question},
            )
        )
        if row["valid_to"] is None and not row["retracted"]:
            tokens = " ".join(lexemes_of(replace(known, question=question)))
            statements += [
                Statement("DELETE FROM lexical WHERE rowid = :seq", {"seq": row["seq"]}),
                Statement(
                    "INSERT INTO lexical (rowid, tokens) VALUES (:seq, :tokens)",
                    {"seq": row["seq"], "tokens": tokens},
                ),
            ]
    return statements


def named(found: Erasure) -> str:
    """Whom it is about, for a question or a line."""
    return f"{found.name} ({found.person})" if found.name else found.person
