"""What became of answers, for those who decide about the next one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vigilbot.domain import RIGHT, WRONG
from vigilbot.ledger.rows import pack, stamp
from vigilbot.ports import Database, Row

_TELLING: Final = pack(sorted(RIGHT | WRONG))


class OutcomeRows:
    """Answers whose truth was known before a time, the newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_proposal(
        self, proposal: str, *, tenant: str, space: str, now: datetime, limit: int
    ) -> list[Row]:
        """Answers in a space that came down to the same, with the vectors of their questions.

        Refusals are among them whose question people resolved: without an outcome, but with what was learned
        (``entry``, its ``citations``).
        """
        return await self._database.fetch(
            "SELECT a.confidence, a.features, a.outcome, a.proposal, q.vector, q.entry, k.citations "
            "FROM answers a JOIN questions q ON q.id = a.question "
            "LEFT JOIN knowledge k ON k.entry = q.entry AND k.valid_to IS NULL "
            "WHERE a.tenant = :tenant AND a.proposal = :proposal AND a.proposal != '' "
            "AND q.space = :space AND q.vector IS NOT NULL "
            "AND ((a.outcome IN (SELECT value FROM json_each(:telling)) AND a.outcome_at < :now) "
            "OR (a.outcome IS NULL AND a.result = 'abstained' AND EXISTS (SELECT 1 FROM support s "
            "WHERE s.entry = q.entry AND s.oncall = a.oncall AND s.kind != 'contradicted' "
            "AND s.at < :now))) ORDER BY a.at DESC, a.id DESC LIMIT :limit",
            tenant=tenant,
            proposal=proposal,
            space=space,
            telling=_TELLING,
            now=stamp(now),
            limit=limit,
        )

    async def of_space(self, *, tenant: str, space: str, now: datetime, limit: int) -> list[Row]:
        """Confidence and outcome, whatever it is, of the answers in a space, shown or not."""
        return await self._database.fetch(
            "SELECT a.confidence, a.outcome FROM answers a JOIN questions q ON q.id = a.question "
            "WHERE a.tenant = :tenant AND q.space = :space AND a.text != '' "
            "AND a.outcome IS NOT NULL AND a.outcome_at < :now "
            "ORDER BY a.outcome_at DESC, a.id DESC LIMIT :limit",
            tenant=tenant,
            space=space,
            now=stamp(now),
            limit=limit,
        )
