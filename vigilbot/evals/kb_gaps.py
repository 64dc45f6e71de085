"""What people ask for and nobody has answered: questions alike together, with how much they are wanted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigilbot.evals.alike import alike
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import blob_vector, moment, pack, stamp
from vigilbot.ports import Row
from vigilbot.text import clean, fold, shorten

WORDINGS = 3
PEOPLE = 3  # named as those who usually answer
LATELY = timedelta(days=180)

_UNANSWERED = (
    "SELECT q.id, q.text, q.asker, q.asked_at, q.oncall, q.vector, o.channel, o.state AS oncall_state, "
    "coalesce(c.name, o.channel) AS channel_name FROM questions q JOIN oncalls o ON o.id = q.oncall "
    "LEFT JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
    "WHERE (:tenant = '' OR q.tenant = :tenant) AND q.state IN ('open', 'unresolved') AND q.text != '' "
    "AND q.entry = '' AND q.asked_at >= :since "
    "AND (:all OR o.channel IN (SELECT value FROM json_each(:channels))) "
    "AND NOT EXISTS (SELECT 1 FROM answers a JOIN deliveries d ON d.answer = a.id "
    "WHERE a.question = q.id AND d.state = 'sent' AND d.audience = 'everyone') ORDER BY q.asked_at, q.id"
)
_ANALYSTS = (
    "SELECT channel, author, max(author_name) AS name, count(*) AS n FROM messages WHERE role = 'analyst' "
    "AND deleted = 0 AND channel IN (SELECT value FROM json_each(:channels)) AND at >= :since "
    "GROUP BY channel, author ORDER BY n DESC, author"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Questions alike without an answer. ``waiting`` of the on-calls are still open; ``answerers`` are those
    who usually answer where it was asked."""

    question: str
    wordings: tuple[str, ...]
    askers: int
    oncalls: int
    waiting: int
    first_at: datetime
    last_at: datetime
    channels: tuple[str, ...]
    answerers: tuple[str, ...]


async def gaps(
    ledger: Ledger,
    *,
    now: datetime,
    tenant: str = "",
    channels: Collection[str] | None = None,
    since: timedelta | None = LATELY,
) -> tuple[Gap, ...]:
    """In-scope questions that got no card and no human's answer: the most wanted first, then the oldest.

    ``channels`` bounds where they were asked, ``since`` for how long; None for everywhere, and always.
    """
    first = stamp(now - since) if since is not None else ""
    rows = await ledger.fetch(
        _UNANSWERED,
        tenant=tenant,
        since=first,
        all=int(channels is None),
        channels=pack(sorted(channels or ())),
    )
    vectors = [blob_vector(row["vector"]) if row["vector"] else None for row in rows]
    groups: dict[int, list[Row]] = defaultdict(list)
    for row, number in zip(rows, alike(vectors), strict=True):
        groups[number].append(row)
    where = sorted({row["channel"] for row in rows})
    known = await ledger.fetch(_ANALYSTS, channels=pack(where), since=first)
    found = [_gap(group, known) for group in groups.values()]
    return tuple(sorted(found, key=lambda g: (-g.askers, -g.oncalls, g.first_at)))


def _gap(rows: Sequence[Row], analysts: Sequence[Row]) -> Gap:
    wordings = {fold(row["text"]): shorten(clean(row["text"]), 300) for row in reversed(rows)}
    texts = list(dict.fromkeys(wordings[fold(row["text"])] for row in rows))
    places = {row["channel"] for row in rows}
    times: Counter[str] = Counter()
    for row in analysts:
        if row["channel"] in places:
            times[row["name"] or row["author"]] += row["n"]
    return Gap(
        question=texts[0],
        wordings=tuple(texts[1 : 1 + WORDINGS]),
        askers=len({row["asker"] for row in rows}),
        oncalls=len({row["oncall"] for row in rows}),
        waiting=len({row["oncall"] for row in rows if row["oncall_state"] != "closed"}),
        first_at=moment(rows[0]["asked_at"]),
        last_at=moment(rows[-1]["asked_at"]),
        channels=tuple(sorted({row["channel_name"] for row in rows})),
        answerers=tuple(name for name, _ in times.most_common(PEOPLE)),
    )
