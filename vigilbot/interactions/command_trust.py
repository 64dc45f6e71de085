"""Commands about how far knowledge is trusted: kb verify, share, contradictions, both, flagged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vigilbot.admin import trusting
from vigilbot.admin.trusting import Waiting
from vigilbot.domain import Event, KnowledgeEntry
from vigilbot.errors import BadInput
from vigilbot.interactions.commands import Asked, Subcommand
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.sharing import Taught
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.spaces import Spaces
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, to_entry
from vigilbot.ports import Clock, Row

SHOWN = 10
LONG = 400


class TrustCommands:
    """``taught`` is told what other channels may be answered with now."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        spaces: Spaces,
        seeing: Seeing,
        clock: Clock,
        taught: Taught,
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._spaces = spaces
        self._seeing = seeing
        self._clock = clock
        self._taught = taught

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="kb verify",
                usage="kb verify <entry>",
                help="You stand by an entry: it leaves probation and does not expire.",
                run=self._verify,
            ),
            Subcommand(
                name="kb share",
                usage="kb share <entry>",
                help="Tells an entry to all customers, in redacted form. The text is shown first.",
                run=self._share,
                ask=self._ask_share,
            ),
            Subcommand(
                name="kb contradictions",
                usage="kb contradictions",
                help="Entries that answer the same question differently, until somebody or time settles it.",
                run=self._contradictions,
            ),
            Subcommand(
                name="kb both",
                usage="kb both <entry> <entry>",
                help="Of two entries that seem to contradict each other, both hold.",
                run=self._both,
            ),
            Subcommand(
                name="kb flagged",
                usage="kb flagged",
                help="What a review holds for wrong but may not change itself, and what has expired.",
                run=self._flagged,
            ),
        )

    async def _verify(self, asked: Asked) -> str:
        entry = await self._entry(asked)
        done = await trusting.verify(
            self._knowledge, self._ledger, entry.id, actor=asked.event.user, at=self._clock.now()
        )
        if not done:
            return f"{literal(entry.id)} is verified already."
        return f"{literal(entry.id)} is verified now. `kb undo {entry.id}` takes it back."

    async def _ask_share(self, asked: Asked) -> str:
        entry = await self._entry(asked)
        if await self._spaces.shareable([entry.id]) is None:
            raise BadInput("is for everybody already", place=entry.id)
        words = await self._spaces.redacted(entry, tenant=asked.event.tenant)
        lines = [
            f"**Tell all customers what {literal(entry.id)} says?** Nobody sees where it comes from.",
            f"Q: {literal(words.question, LONG)}",
            f"A: {literal(words.answer, 3 * LONG)}",
        ]
        if words.precondition:
            lines.append(f"Only if: {literal(words.precondition, LONG)}")
        lines += [f"- link: {url}" for url in words.links]
        return "\n".join(lines)

    async def _share(self, asked: Asked) -> str:
        entry, tenant = await self._entry(asked), asked.event.tenant
        words = await self._spaces.redacted(entry, tenant=tenant)
        shared = await self._spaces.share(
            entry, words, tenant=tenant, actor=asked.event.user, reason="shared by an operator"
        )
        await self._taught(tenant, [shared.entry])
        if not shared.new:
            return f"Everybody could be told that already, as {shared.entry}."
        return f"Shared with all customers as {shared.entry}. `kb undo {shared.entry}` takes it back."

    async def _contradictions(self, asked: Asked) -> str:
        found = await trusting.disputes(self._ledger, tenant=asked.event.tenant, at=self._clock.now())
        waiting = [each for each in found if each.open]
        if not waiting:
            settled = f" {len(found)} were settled." if found else ""
            return f"Nothing contradicts.{settled}"
        lines = [f"**{counted(len(waiting), 'contradiction')}**"]
        for each in waiting[:SHOWN]:
            row = each.row
            differs = f" (they differ in {row['difference']})" if row["difference"] else ""
            lines.append(f"{literal(row['b_question'], LONG)}{differs}")
            lines.append(f"- {row['first']}: {literal(row['a_answer'], LONG)}")
            lines.append(f"- {row['second']}: {literal(row['b_answer'], LONG)}")
        if len(waiting) > SHOWN:
            lines.append(f"and {len(waiting) - SHOWN} more")
        lines.append("`kb verify` the one that is right, `kb retract` the other, or `kb both` if both hold.")
        return "\n".join(lines)

    async def _both(self, asked: Asked) -> str:
        if len(asked.words) != 2:
            raise BadInput("Which two entries?", remedy="`kb contradictions` names them")
        first, second = asked.words
        await trusting.both_hold(
            self._ledger,
            first,
            second,
            tenant=asked.event.tenant,
            actor=asked.event.user,
            at=self._clock.now(),
        )
        return f"{literal(first)} and {literal(second)} both hold."

    async def _flagged(self, asked: Asked) -> str:
        waiting: Waiting = await trusting.waiting(
            self._ledger, tenant=asked.event.tenant, at=self._clock.now()
        )
        if not waiting.flagged and not waiting.expired:
            return "Nothing is flagged, and nothing has expired."
        lines = []
        if waiting.flagged:
            lines.append(f"**{counted(len(waiting.flagged), 'entry', 'entries')} in doubt**")
            lines += [_doubt(row) for row in waiting.flagged[:SHOWN]]
            for row in waiting.flagged[:SHOWN]:
                lines += [f"- {row['subject']}: {literal(each, 200)}" for each in waiting.evidence[row["id"]]]
            lines.append("`kb retract`, or `kb verify` if it is right after all.")
        if waiting.expired:
            lines.append(f"**{counted(len(waiting.expired), 'entry', 'entries')} expired unconfirmed**")
            lines += [
                f"- {row['entry']}: {literal(row['question'], 160)} → {literal(row['answer'], 200)}"
                for row in waiting.expired[:SHOWN]
            ]
            lines.append("`kb verify` puts one back into use.")
        return "\n".join(lines)

    async def _entry(self, asked: Asked) -> KnowledgeEntry:
        if len(asked.words) != 1:
            raise BadInput("Which entry?", remedy="Name one, such as K1a2b3c4d5e")
        row = await self._ledger.entries.entry(asked.words[0])
        if row is None or row["retracted"] or not await self._visible(asked.event, row):
            raise BadInput(
                "is no entry in force", place=asked.words[0][:100], remedy="`kb search` names them"
            )
        return to_entry(row)

    async def _visible(self, event: Event, row: Row) -> bool:
        return await self._seeing.entry(
            event, tenant=row["tenant"], space=row["space"], channel=row["channel"]
        )


def _doubt(row: Row) -> str:
    return (
        f"{row['subject']} ({row['trust']}), {day_and_time(moment(row['at']))}: "
        f"{literal(row['question'], 160)} → {literal(row['answer'], 200)}\n- {literal(row['detail'], 300)}"
    )


async def doubts(ledger: Ledger, tenant: str, *, at: datetime, command: str = "") -> list[str]:
    """What operators should look at in the knowledge base, a line each."""
    found = await trusting.disputes(ledger, tenant=tenant, at=at)
    contradictions = sum(each.open for each in found)
    flagged = len({row["subject"] for row in await ledger.trust.flagged(tenant)})
    lines, kb = [], f"{command} kb".strip()
    if contradictions:
        lines.append(f"{counted(contradictions, 'contradiction')} in what I know: `{kb} contradictions`")
    if flagged:
        lines.append(f"{counted(flagged, 'entry', 'entries')} in doubt: `{kb} flagged`")
    return lines
