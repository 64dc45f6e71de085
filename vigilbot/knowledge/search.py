"""Retrieval over the knowledge base: dense, lexical, and what usually resolves a channel's on-calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from vigilbot.domain import ChannelHistory, KnowledgeEntry, Passage, PastCase, Question
from vigilbot.ledger import Entries
from vigilbot.ledger.entries import lexeme
from vigilbot.ledger.rows import blob_vector, unpack_citations
from vigilbot.ports import Clock, Embedder, Row, Vector, VectorIndex
from vigilbot.text import canonical_url, tokens

RAREST_TERMS = 8  # an OR over every term costs 50 times as much at 270,000 rows and finds no more
MOST_ROWS = 20_000  # that a query looks at, beyond those of its rarest term; each costs some 3 us
LEXEMES = 2000  # of one text
WIDER = (4, 16)  # times the usual number of hits, where many lead to the same few entries
USUAL = 12  # a channel's most frequent resolutions join the candidates
CASES = 200  # newest rows of support whose questions say which resolution is for what
NEWEST = 1000  # rows of support that say what is usual in a channel: all would cost 0.3 s at 10,000


class Search:
    """Reads only. Every hit of the index is re-checked against the ledger's row."""

    def __init__(
        self,
        *,
        entries: Entries,
        embedder: Embedder,
        index: VectorIndex,
        clock: Clock,
        is_fresh: Callable[[KnowledgeEntry], bool],
    ) -> None:
        self._entries = entries
        self._embedder = embedder
        self._index = index
        self._clock = clock
        self._is_fresh = is_fresh

    async def candidates(
        self,
        question: Question,
        vector: Vector,
        *,
        tenant: str,
        spaces: Sequence[str],
        channel: str,
        limit: int,
        lexical: Mapping[str, float] | None = None,
    ) -> tuple[tuple[Passage, ...], ChannelHistory]:
        """Candidates of three paths: dense, lexical and what usually resolves this channel's on-calls.

        ``lexical`` is what ``worded`` found for the same question; None: it is asked here. Scores are
        reciprocal-rank fused; every hit is re-checked against the ledger's row. With them comes how often
        which resolution was the right one in this channel so far.
        """
        dense = await self._dense(vector, tenant=tenant, spaces=spaces, limit=limit)
        if lexical is None:
            lexical = await self.worded(question, tenant=tenant, spaces=spaces, limit=limit)
        usual = await self._entries.resolutions(tenant=tenant, channel=channel, spaces=spaces, newest=NEWEST)
        times = {row["entry"]: row["times"] for row in usual}
        history = ChannelHistory(
            times=_times(usual),
            cases=await self._cases(tenant, channel, spaces),
            channel=f"{tenant}/{channel}",
        )
        ids = list(dict.fromkeys([*dense, *lexical, *_latest(usual, history)]))
        if not ids:
            return (), ChannelHistory()
        found = await self._entries.current(ids, tenant=tenant)
        now = self._clock.now()
        visible = set(spaces)
        kept = [
            e
            for e in (found[i] for i in ids if i in found)
            if e.space in visible and (e.expires_at is None or e.expires_at > now)
        ]
        cosines = await self._cosines(vector, [e.id for e in kept if e.id not in dense])
        supports = await self._entries.support_counts([e.id for e in kept])
        ranks: dict[str, float] = defaultdict(float)
        for path in (list(dense), list(lexical)):
            for place, entry_id in enumerate(path, start=1):
                ranks[entry_id] += 1.0 / (60 + place)
        passages = [
            Passage(
                entry=entry,
                dense=dense.get(entry.id, cosines.get(entry.id, 0.0)),
                lexical=lexical.get(entry.id, 0.0),
                score=ranks[entry.id],
                support=supports.get(entry.id, (0, 0))[0],
                against=supports.get(entry.id, (0, 0))[1],
                resolutions=times.get(entry.id, 0),
                fresh=self._is_fresh(entry),
            )
            for entry in kept
        ]
        ordered = sorted(passages, key=lambda p: (-p.score, -p.dense, p.entry.id))
        return tuple(ordered), history

    async def _cases(self, tenant: str, channel: str, spaces: Sequence[str]) -> tuple[PastCase, ...]:
        """One a question of an on-call, the newest first, with all that resolved it; of several wordings
        of what was resolved alike there, the newest."""
        rows = await self._entries.resolved_cases(tenant=tenant, channel=channel, spaces=spaces, newest=CASES)
        found: dict[tuple[str, str], dict[str, None]] = {}
        for row in rows:
            resolutions = found.setdefault((row["oncall"], row["question"]), {})
            resolutions.update(dict.fromkeys(_resolutions(row)))
        cases: dict[tuple[str, frozenset[str]], PastCase] = {}
        for (oncall, question), resolutions in found.items():
            case = PastCase(oncall=oncall, question=question, resolutions=tuple(resolutions))
            cases.setdefault((oncall, frozenset(resolutions)), case)
        return tuple(cases.values())

    async def _dense(
        self, vector: Vector, *, tenant: str, spaces: Sequence[str], limit: int
    ) -> dict[str, float]:
        """At most ``limit`` entries by their nearest wording: entry to cosine, best first.

        An entry that resolved hundreds of on-calls has as many wordings; where such ones fill more than
        half of the hits, more are asked for, so that they do not keep everything else out.
        """
        names = [index_space(tenant, space) for space in spaces]
        best: dict[str, float] = {}
        for wanted in (limit, *(limit * wider for wider in WIDER)):
            hits = await self._index.search(vector, spaces=names, limit=wanted)
            for hit in hits:
                best.setdefault(hit.key.split("#", 1)[0], hit.score)
            if len(hits) < wanted or 2 * len(best) >= limit:
                break
        return dict(islice(best.items(), limit))

    async def worded(
        self, question: Question, *, tenant: str, spaces: Sequence[str], limit: int
    ) -> Mapping[str, float]:
        """Entries that share rare words with the question: entry to score, best first. Needs no vector."""
        words = question.terms or tuple(tokens(question.text))
        lexemes = list(dict.fromkeys(lexeme(token) for token in words))[:LEXEMES]
        frequency = await self._entries.document_frequencies(lexemes)
        rows = await self._entries.match(rarest(frequency), tenant=tenant, spaces=spaces, limit=limit)
        return {row["entry"]: float(row["score"]) for row in rows}

    async def _cosines(self, vector: Vector, entry_ids: Sequence[str]) -> dict[str, float]:
        """Cosine similarities of entries the dense path did not bring."""
        if not entry_ids:
            return {}
        rows = await self._entries.vectors(entry_ids, model=self._embedder.model)
        best: dict[str, float] = {}
        for row in rows:
            cosine = float(blob_vector(row["vector"]) @ vector)
            best[row["entry"]] = max(best.get(row["entry"], -1.0), cosine)
        return best


def rarest(frequency: Mapping[str, int]) -> list[str]:
    """The terms that tell most, from how many entries have each."""
    chosen: list[str] = []
    rows = 0
    for term in sorted(frequency, key=lambda term: (frequency[term], term))[:RAREST_TERMS]:
        rows += frequency[term]
        if chosen and rows > MOST_ROWS:
            break
        chosen.append(term)
    return chosen


def _resolutions(row: Row) -> tuple[str, ...]:
    """What an entry leads to: its cited documents, else itself."""
    return _documents(row["citations"]) or (row["entry"],)


@lru_cache(maxsize=4096)
def _documents(citations: str) -> tuple[str, ...]:
    """Canonical addresses of citations as they are stored: read for every question, changed hardly ever."""
    return tuple(dict.fromkeys(canonical_url(c.url) for c in unpack_citations(citations) if c.url))


def _times(rows: Sequence[Row]) -> dict[str, int]:
    """On-calls of one channel by what resolved them."""
    times: Counter[str] = Counter()
    for row in rows:
        for resolution in _resolutions(row):
            times[resolution] += row["times"]
    return dict(times)


def _latest(rows: Sequence[Row], history: ChannelHistory) -> list[str]:
    """The entry last used for each of a channel's most frequent resolutions."""
    latest: dict[str, Row] = {}
    for row in rows:
        for resolution in _resolutions(row):
            if resolution not in latest or row["last"] > latest[resolution]["last"]:
                latest[resolution] = row
    return [latest[resolution]["entry"] for resolution, _ in Counter(history.times).most_common(USUAL)]


def index_space(tenant: str, space: str) -> str:
    """The name by which the vector index knows a space of a tenant."""
    return f"{tenant}/{space}"
