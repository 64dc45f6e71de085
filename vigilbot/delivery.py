"""Delivery of a decided card: re-check, post, mark; and keeping the posted card true."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from vigilbot.domain import Decision, DeliveryState, OnCallState, Outcome, QuestionState
from vigilbot.errors import PlatformError
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import blob_vector, moment, stamp, to_question, unpack_citations
from vigilbot.pipeline import helpers_since
from vigilbot.pipeline.recheck import Recheck
from vigilbot.ports import Clock, Embedder, Platform, Row, Statement
from vigilbot.showing import card_of

log = logging.getLogger("vigilbot")

SEND_TRIES = 6


def sources(answer: Row) -> list[str]:
    """The first link a card shows: what its first marker leads to."""
    return [c.url for c in unpack_citations(answer["citations"])[:1]]


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
    ) -> None:
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
        stopped = await self._stopped(delivery, answer, oncall, now)
        if stopped is not None:
            await self._ledger.write(*stopped)
            return
        card = await card_of(self._ledger, answer, audience=delivery["audience"])
        try:
            ts = await self._platform.post(
                tenant=oncall["tenant"],
                channel=oncall["channel"],
                thread=await self._thread(answer, oncall),
                card=card,
                key=delivery["key"],
            )
        except PlatformError as error:
            await self.failed(delivery, error)
            return
        answered = []
        if delivery["audience"] == Decision.EVERYONE:  # after a draft for analysts the asker still waits
            answered.append(Runs.answered(answer["question"]))
        await self._ledger.write(
            Runs.change_delivery(
                delivery["key"], state=DeliveryState.SENT.value, sent_at=stamp(self._clock.now()), ts=ts
            ),
            *answered,
            Chats.learn_by(oncall["id"], now + self._review_quiet),
        )

    async def _thread(self, answer: Row, oncall: Row) -> str:
        """Where the question was asked: in a channel's on-call each customer's is another place."""
        question = await self._ledger.runs.question(answer["question"])
        asked = await self._ledger.chats.messages_by_id(to_question(question).message_ids if question else ())
        threads = [m.thread for m in asked if m.thread]
        return threads[-1] if threads else str(oncall["thread"])

    async def _stopped(
        self, delivery: Row, answer: Row, oncall: Row, now: datetime
    ) -> list[Statement] | None:
        """Why the card may no longer go out, as statements; None when it may."""
        key = delivery["key"]
        if moment(delivery["stale_at"]) < now:
            return [
                Runs.end_delivery(key, DeliveryState.SKIPPED, error="stale"),
                Runs.set_outcome(answer["id"], Outcome.ENVIRONMENT, at=now),
            ]
        if oncall["quiet"] or oncall["state"] != OnCallState.OPEN:
            return [Runs.end_delivery(key, DeliveryState.SKIPPED, error="the on-call is closed or quiet")]
        question = await self._ledger.runs.question(answer["question"])
        if question is None or question["state"] in (QuestionState.RESOLVED, QuestionState.WITHDRAWN):
            why = f"the question is {question['state']}" if question else "the question is gone"
            return [Runs.end_delivery(key, DeliveryState.SKIPPED, error=why)]
        dialogue = await self._ledger.chats.dialogue(oncall["id"])
        asked = to_question(question)
        if not {m.id for m in dialogue.messages}.intersection(asked.message_ids):
            return [Runs.end_delivery(key, DeliveryState.SKIPPED, error="the question was deleted")]
        [vector] = await self._embedder.embed([asked.text])
        humans = helpers_since(dialogue, asked)
        human = await self._recheck.addressed(asked, vector, humans) or await self._recheck.said(
            answer["text"], blob_vector(answer["vector"]), sources(answer), humans
        )
        if human is None:
            return None
        return [
            Runs.end_delivery(key, DeliveryState.BEATEN_BY_HUMAN, error=f"answered by {human.id}"),
            Runs.set_outcome(answer["id"], Outcome.BEATEN, at=now),
            Chats.learn_by(oncall["id"], now + self._learn_delay),
        ]

    async def failed(self, delivery: Row, error: Exception) -> None:
        """Another try later; after the last the card is given up."""
        now = self._clock.now()
        tries = delivery["attempts"] + 1
        log.warning("card %s was not sent (try %d): %s", delivery["key"], tries, error)
        if tries >= SEND_TRIES:
            await self._ledger.write(
                Runs.end_delivery(delivery["key"], DeliveryState.SKIPPED, error=str(error)),
                Runs.set_outcome(delivery["answer"], Outcome.ENVIRONMENT, at=now),
            )
            return
        await self._ledger.write(
            Runs.change_delivery(
                delivery["key"],
                attempts=tries,
                due_at=stamp(now + timedelta(seconds=2**tries)),
                last_error=str(error)[:500],
            )
        )

    async def show_accepted(self, answer_id: str) -> None:
        """The card says who accepted it. It is only a picture of the ledger: a failure loses nothing."""
        delivery = await self._ledger.runs.delivery(answer=answer_id)
        answer = await self._ledger.runs.answer(answer_id)
        oncall = await self._ledger.chats.oncall(answer["oncall"]) if answer else None
        if delivery is None or answer is None or oncall is None or delivery["state"] != DeliveryState.SENT:
            return
        card = await card_of(
            self._ledger, answer, audience=delivery["audience"], accepted_by=delivery["accepted_by"]
        )
        try:
            await self._platform.update(
                tenant=oncall.tenant, channel=oncall.channel, ts=delivery["ts"], card=card
            )
        except PlatformError as error:
            log.warning("the card %s could not be updated: %s", delivery["key"], error)

    async def take_down(self, answer_id: str) -> None:
        """The platform's part of a withdrawal; the ledger has it already."""
        delivery = await self._ledger.runs.delivery(answer=answer_id)
        oncall = await self._ledger.chats.oncall(delivery["oncall"]) if delivery else None
        if delivery is None or oncall is None or not delivery["ts"]:
            return
        try:
            await self._platform.remove(tenant=oncall.tenant, channel=oncall.channel, ts=delivery["ts"])
        except PlatformError as error:
            log.warning("the card %s could not be removed: %s", delivery["key"], error)
