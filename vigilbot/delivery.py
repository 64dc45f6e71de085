"""Delivery of a decided card: re-check, post, mark; and keeping the posted card true."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigilbot.domain import Decision, DeliveryState, OnCallState, Outcome, QuestionState
from vigilbot.errors import LedgerError, PlatformError, PlatformRefused, PlatformUnsure
from vigilbot.ledger import Chats, DeadLetters, Ledger, Letter, Runs
from vigilbot.ledger.requests import ASKED
from vigilbot.ledger.rows import moment, pack, stamp, to_question, unpack_citations
from vigilbot.logs import WORK, cause
from vigilbot.pipeline import helpers_since
from vigilbot.pipeline.recheck import Recheck
from vigilbot.ports import Clock, Embedder, Platform, Row, Statement
from vigilbot.record import purpose_of, silence
from vigilbot.showing import Showing, digest

log, work = logging.getLogger("vigilbot"), logging.getLogger(WORK)

SEND_TRIES = 10
"""Their waits double; cards.stale usually ends it before. A platform may ask for a minute of patience."""
REFRESHED = timedelta(days=3)
"""So long after it was sent a card is brought up to date where the platform fails again and again."""


def sources(answer: Row) -> list[str]:
    """The first link a card shows: what its first marker leads to."""
    return [c.url for c in unpack_citations(answer["citations"])[:1]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """Why a card does not go out, and what becomes of its answer with it."""

    why: str
    outcome: Outcome | None = None


class Delivery:
    """``learn_delay`` and ``review_quiet`` say when a beaten or posted answer is learned from."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        platform: Platform,
        recheck: Recheck,
        embedder: Embedder,
        clock: Clock,
        learn_delay: timedelta,
        review_quiet: timedelta,
        internal_hosts: Sequence[str] = (),
    ) -> None:
        self.showing = Showing(ledger=ledger, platform=platform, internal_hosts=internal_hosts)
        self._ledger = ledger
        self._platform = platform
        self._recheck = recheck
        self._embedder = embedder
        self._clock = clock
        self._learn_delay = learn_delay
        self._review_quiet = review_quiet

    async def deliver(self, delivery: Row) -> None:
        """Re-check against the ledger, then post, then mark. The same after a restart."""
        now = self._clock.now()
        answer = await self._ledger.runs.answer(delivery["answer"])
        oncall = await self._ledger.chats.oncall_row(delivery["oncall"])
        if answer is None or oncall is None:
            await self._ledger.write(
                Runs.end_delivery(delivery["key"], DeliveryState.SKIPPED, error="row gone")
            )
            return
        obstacle = await self.obstacle(delivery, answer, oncall)
        stands = await self._stands(delivery)
        if obstacle is not None and not stands:
            await self._ledger.write(*self._ended(delivery, obstacle))
            return
        readers: tuple[str, ...] = ()
        if delivery["audience"] == Decision.ANALYSTS:
            readers = await self._ledger.chats.analysts_in(oncall)
            if not readers:  # until one writes (Runs.wake_drafts), or until it is stale
                due = moment(delivery["stale_at"]) + timedelta(seconds=1)
                await self._ledger.write(Runs.change_delivery(delivery["key"], due_at=stamp(due)))
                return
        card = await self.showing.card(delivery, answer, oncall)
        everybody = delivery["audience"] == Decision.EVERYONE
        if (
            everybody
            and not (await self._ledger.write(Runs.on_its_way(delivery["key"], shown=digest(card))))[0]
        ):
            return  # its question was withdrawn in this moment
        try:
            ts = await self._platform.post(
                tenant=oncall["tenant"],
                channel=oncall["channel"],
                thread=await self.thread(answer, oncall),
                card=card,
                key=delivery["key"],
                readers=readers,
                since=moment(answer["at"]),
            )
        except PlatformError as error:
            await self.failed(delivery, error)
            return
        answered = []
        if everybody:  # after a draft for analysts the asker still waits
            answered.append(Runs.answered(answer["question"]))
        before = delivery["shown"] not in ("", digest(card))  # an earlier try had another card, and may stand
        await self._ledger.write(
            Runs.change_delivery(
                delivery["key"],
                state=DeliveryState.SENT.value,
                sent_at=stamp(self._clock.now()),
                ts=ts,
                shown="" if stands or before else digest(card),  # drawn before the Accept, or the edit
                refresh_at=stamp(now) if stands or before else None,
                readers=pack(list(readers)),
            ),
            *answered,
            Chats.learn_by(oncall["id"], now + self._review_quiet),
        )
        work.info("card %s posted as %s", delivery["key"], ts, extra={"oncall": oncall["id"]})

    async def thread(self, answer: Row, oncall: Row) -> str:
        """Where the question was asked: in a channel's on-call each customer's is another place."""
        question = await self._ledger.runs.question(answer["question"])
        asked = await self._ledger.chats.messages_by_id(to_question(question).message_ids if question else ())
        threads = [m.thread for m in asked if m.thread]
        return threads[-1] if threads else str(oncall["thread"])

    async def _stands(self, delivery: Row) -> bool:
        """Whether somebody has accepted the card already: an earlier try put it there and could not note it.

        Posting it again then finds it.
        """
        if delivery["audience"] != Decision.EVERYONE:
            return False
        feedback = await self._ledger.runs.feedback(delivery["answer"])
        return any(row["kind"] == "accept" for row in feedback)

    async def obstacle(self, delivery: Row, answer: Row, oncall: Row) -> Obstacle | None:
        """Why the card may no longer go out; None when it may."""
        now = self._clock.now()
        if moment(delivery["stale_at"]) < now:
            return Obstacle(why="stale", outcome=Outcome.ENVIRONMENT)
        channel = await self._ledger.chats.channel(oncall["tenant"], oncall["channel"])
        if channel is not None and (silent := silence(channel, now)):
            return Obstacle(why=silent)
        closed = oncall["state"] != OnCallState.OPEN and purpose_of(delivery["key"]) != ASKED
        if oncall["quiet"] or closed:
            return Obstacle(why="the on-call is closed or quiet")
        question = await self._ledger.runs.question(answer["question"])
        if question is None:
            return Obstacle(why="the question is gone")
        if question["state"] in (QuestionState.RESOLVED, QuestionState.WITHDRAWN):
            return Obstacle(why=f"the question is {question['state']}")
        dialogue = await self._ledger.chats.dialogue(oncall["id"])
        asked = to_question(question)
        if not {m.id for m in dialogue.messages}.intersection(asked.message_ids):
            return Obstacle(why="the question was deleted")
        humans = helpers_since(dialogue, asked)
        if not humans:
            return None
        [vector] = await self._embedder.embed([asked.text])
        human = await self._recheck.addressed(asked, vector, humans) or await self._recheck.said(
            answer["text"], sources(answer), humans
        )
        return None if human is None else Obstacle(why=f"answered by {human.id}", outcome=Outcome.BEATEN)

    def _ended(self, delivery: Row, obstacle: Obstacle) -> list[Statement]:
        now = self._clock.now()
        beaten = obstacle.outcome is Outcome.BEATEN
        state = DeliveryState.BEATEN_BY_HUMAN if beaten else DeliveryState.SKIPPED
        failing = obstacle.outcome is Outcome.ENVIRONMENT and delivery["attempts"]  # until it was stale
        why = f"{obstacle.why}: {delivery['last_error']}" if failing else obstacle.why
        ended = [Runs.end_delivery(delivery["key"], state, error=why)]
        if failing:
            ended.append(DeadLetters.put(Letter.CARD, delivery["key"], at=now))
        if obstacle.outcome is not None:
            ended.append(Runs.set_outcome(delivery["answer"], obstacle.outcome, at=now))
        if beaten:
            ended.append(Chats.learn_by(delivery["oncall"], now + self._learn_delay))
        return ended

    async def failed(self, delivery: Row, error: Exception) -> None:
        """Another try later; after the last the card is given up. To wait as one is told is no try."""
        now = self._clock.now()
        patience = error.retry_after if isinstance(error, PlatformError) else 0.0
        tries = delivery["attempts"] + (not patience)
        log.warning("card %s was not sent (try %d): %s", delivery["key"], tries, error)
        if tries >= SEND_TRIES or isinstance(error, PlatformRefused):
            await self._ledger.write(
                Runs.end_delivery(delivery["key"], DeliveryState.SKIPPED, error=str(error)),
                Runs.set_outcome(delivery["answer"], Outcome.ENVIRONMENT, at=now),
                DeadLetters.put(Letter.CARD, delivery["key"], at=now),
            )
            return
        await self._ledger.write(
            Runs.change_delivery(
                delivery["key"],
                attempts=tries,
                due_at=stamp(now + timedelta(seconds=patience or 2**tries)),
                last_error=str(error)[:500],
            ),
            *([] if isinstance(error, PlatformUnsure) else [Runs.change_delivery(delivery["key"], shown="")]),
        )

    async def refresh(self) -> int:
        """Cards that no longer say what the ledger says are drawn anew, withdrawn ones taken down."""
        rows = await self._ledger.runs.due_refreshes(now=self._clock.now())
        for row in rows:
            try:
                shown = await self._redraw(row)
                done = Runs.refreshed(row["key"], was=row["refresh_at"], shown=shown)
            except LedgerError:
                raise
            except Exception as error:  # one card that cannot be drawn must not stop all other work
                defect = not isinstance(error, PlatformError)
                log.warning(
                    "the card %s could not be brought up to date: %s",
                    row["key"],
                    cause(error),
                    exc_info=defect,
                )
                again = self._again(row, error)
                done = Runs.refreshed(row["key"], was=row["refresh_at"], shown=row["shown"], again=again)
            await self._ledger.write(done)
        return len(rows)

    async def _redraw(self, delivery: Row) -> str:
        """What the card shows now, as its digest."""
        answer = await self._ledger.runs.answer(delivery["answer"])
        oncall = await self._ledger.chats.oncall_row(delivery["oncall"])
        if answer is None or oncall is None or not delivery["ts"]:
            return str(delivery["shown"])
        place = {"tenant": oncall["tenant"], "channel": oncall["channel"], "ts": delivery["ts"]}
        if delivery["state"] == DeliveryState.WITHDRAWN:
            await self._platform.remove(**place)
            return ""
        card = await self.showing.card(delivery, answer, oncall)
        if delivery["state"] == DeliveryState.SENT and digest(card) != delivery["shown"]:
            await self._platform.update(**place, card=card)
        return digest(card)

    def _again(self, delivery: Row, error: Exception) -> datetime | None:
        """When to try once more; None when no later try can help, or the card is history."""
        now = self._clock.now()
        sent = moment(delivery["sent_at"]) if delivery["sent_at"] else now
        if isinstance(error, PlatformRefused) or now - sent > REFRESHED:
            return None
        return now + timedelta(minutes=1)
