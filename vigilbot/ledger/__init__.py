"""The ledger: every fact the bot knows, as named portable SQL over the Database port.

Queries are methods; changes are Statements, so that a caller puts everything one decision changes
into one atomic ``write``.
"""

from __future__ import annotations

from datetime import datetime

from vigilbot.ledger.channels import Channels
from vigilbot.ledger.chats import Chats
from vigilbot.ledger.corrections import CorrectionRows
from vigilbot.ledger.dead import DeadLetters, Letter
from vigilbot.ledger.documents import DocumentRows
from vigilbot.ledger.entries import Entries
from vigilbot.ledger.outcomes import OutcomeRows
from vigilbot.ledger.requests import Requests
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ledger.runs import OWED, Runs
from vigilbot.ledger.trust import TrustRows
from vigilbot.ports import Database, Row, Statement
from vigilbot.redact import Redact, redact_secrets

__all__ = [
    "Channels",
    "Chats",
    "CorrectionRows",
    "DeadLetters",
    "DocumentRows",
    "Entries",
    "Ledger",
    "Letter",
    "OutcomeRows",
    "Requests",
    "Runs",
    "TrustRows",
]


class Ledger:
    """The truth in its parts, behind one atomic write."""

    def __init__(self, database: Database, *, stored: Redact = redact_secrets) -> None:
        """``stored`` is what becomes of a message's text before it is written for the first time."""
        self._database = database
        self.chats = Chats(database, stored=stored)
        self.runs = Runs(database)
        self.entries = Entries(database)
        self.channels = Channels(database)
        self.documents = DocumentRows(database)
        self.requests = Requests(database)
        self.trust = TrustRows(database)
        self.corrections = CorrectionRows(database)
        self.outcomes = OutcomeRows(database)
        self.dead = DeadLetters(database)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        return await self._database.write(*statements)

    async def fetch(self, sql: str, **args: object) -> list[Row]:
        """For reports and inspection; whatever the bot needs has a name of its own."""
        return await self._database.fetch(sql, **args)

    async def scrub(self, *, anew: bool = True) -> None:
        """No byte of what was deleted or overwritten is left in the ledger's files. Without ``anew`` this is
        not said of the lexical index, nor of copies that were made before a migration."""
        if anew:
            await self.write(Statement("INSERT INTO lexical (lexical) VALUES ('optimize')", {}))
        await self._database.scrub(anew=anew)

    async def only_tenant(self) -> str | None:
        """The one workspace the ledger is about; None when there are several, or none yet."""
        rows = await self.fetch("SELECT tenant FROM channels UNION SELECT tenant FROM knowledge LIMIT 2")
        return str(rows[0]["tenant"]) if len(rows) == 1 else None

    async def probe(self, *, at: datetime) -> None:
        """Writes something that nobody needs. Raises LedgerError where nothing can be written."""
        await self.write(
            Statement(
                "INSERT INTO upkeep (work, due_at) VALUES ('probe', :at) "
                "ON CONFLICT (work) DO UPDATE SET due_at = excluded.due_at",
                {"at": stamp(at)},
            )
        )

    async def close(self) -> None:
        await self._database.close()

    async def next_event(self) -> datetime | None:
        """When the next event in the inbox is to be taken in; None when there is none."""
        [row] = await self._database.fetch("SELECT min(due_at) AS due FROM inbox WHERE state = 'new'")
        return moment(row["due"]) if row["due"] else None

    async def next_due(self) -> datetime | None:
        """When the earliest piece of work is due and not leased any more; None when there is none."""
        [row] = await self._database.fetch(
            "SELECT min(due) AS due FROM ("
            "SELECT min(due_at) AS due FROM inbox WHERE state = 'new' UNION ALL "
            "SELECT min(CASE WHEN lease_until > run_at THEN lease_until ELSE run_at END) "
            "FROM oncalls WHERE run_at IS NOT NULL UNION ALL "
            "SELECT min(CASE WHEN lease_until > learn_at THEN lease_until ELSE learn_at END) "
            "FROM oncalls WHERE learn_at IS NOT NULL UNION ALL "
            "SELECT * FROM (SELECT close_at FROM oncalls WHERE close_at IS NOT NULL "
            "AND (lease_until IS NULL OR lease_until <= close_at) ORDER BY close_at LIMIT 1) UNION ALL "
            "SELECT min(lease_until) FROM oncalls WHERE lease_until IS NOT NULL AND close_at < lease_until "
            "UNION ALL "
            "SELECT min(standing_at) FROM questions WHERE standing_at IS NOT NULL UNION ALL "
            f"SELECT min(max(f.at, f.due_at)) FROM feedback f WHERE {OWED} UNION ALL "
            "SELECT min(due_at) FROM deliveries WHERE state = 'due' UNION ALL "
            "SELECT min(refresh_at) FROM deliveries WHERE refresh_at IS NOT NULL UNION ALL "
            "SELECT min(due_at) FROM requests WHERE state = 'due' UNION ALL "
            "SELECT min(due_at) FROM documents WHERE due_at IS NOT NULL AND body IS NOT NULL UNION ALL "
            "SELECT min(ask_at) FROM documents WHERE ask_at IS NOT NULL AND state IN ('asked', 'refused') "
            "UNION ALL "
            "SELECT min(due_at) FROM corrections WHERE state = 'due' UNION ALL "
            "SELECT min(greeting_due) FROM channels WHERE greeting IN ('due', 'stale') AND archived = 0 "
            "AND direct = 0)"
        )
        return moment(row["due"]) if row["due"] else None
