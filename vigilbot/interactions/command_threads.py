"""Commands about one on-call, meant by a link to any of its messages: close, why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from vigilbot.bot import Bot
from vigilbot.cards import Panel
from vigilbot.domain import Event
from vigilbot.errors import BadInput
from vigilbot.interactions.arguments import Meant, message_of
from vigilbot.interactions.commands import Asked, Subcommand
from vigilbot.interactions.seeing import Seeing
from vigilbot.ledger import Ledger
from vigilbot.oncalls import message_id
from vigilbot.ports import Row

WhyOf = Callable[[Event, Row], Awaitable[Panel]]
"""Why the bot said, or did not say, something: for the row of an answer, a run or an on-call."""


class ThreadCommands:
    """``why`` gives the trace of an answer or of an on-call, filtered for the reader."""

    def __init__(self, *, bot: Bot, seeing: Seeing, why: WhyOf) -> None:
        self._bot = bot
        self._ledger: Ledger = bot.ledger
        self._seeing = seeing
        self._why = why

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="close",
                usage="close <link to a message>",
                help="Closes an on-call: I learn from it and say nothing more there. In the thread itself, "
                "say `close` to me.",
                run=self._close,
            ),
            Subcommand(
                name="why",
                usage="why <link to a message or card>",
                help="Why I said what I said, or nothing. In the thread itself, say `why` to me.",
                run=self._tell,
                analysts=True,
            ),
        )

    async def _close(self, asked: Asked) -> str:
        oncall = await self._oncall(asked, _meant(asked))
        changed = await self._bot.command(oncall["id"], "close", helper=True)
        if not changed:
            return "It was closed already."
        return "Closed. If something was resolved there, I learn it now."

    async def _tell(self, asked: Asked) -> Panel:
        meant = _meant(asked)
        await self._check(asked, meant)
        return await self._why(
            asked.event, await self._judged(asked, meant) or await self._oncall(asked, meant)
        )

    async def _judged(self, asked: Asked, meant: Meant) -> Row | None:
        """The answer on the card that is meant, or the run that judged the message; None for neither."""
        card = await self._ledger.runs.card_at(asked.event.tenant, meant.channel, meant.ts)
        if card is not None:
            return await self._ledger.runs.answer(card["answer"])
        message = await self._ledger.chats.message(message_id(asked.event.tenant, meant.channel, meant.ts))
        if message is None or not message["run"]:
            return None
        answers = await self._ledger.requests.answers(message["run"])
        return answers[-1] if answers else await self._ledger.runs.run(message["run"])

    async def _oncall(self, asked: Asked, meant: Meant) -> Row:
        await self._check(asked, meant)
        for ts in (meant.ts, meant.thread):
            message = await self._ledger.chats.message(message_id(asked.event.tenant, meant.channel, ts))
            oncall = await self._ledger.chats.oncall_row(message["oncall"]) if message else None
            if oncall is not None:
                return oncall
        raise BadInput("I know of no on-call there", remedy="Link to a message that I have read")

    async def _check(self, asked: Asked, meant: Meant) -> None:
        visible = {row["channel"] for row in await self._seeing.channels(asked.event)}
        if meant.channel not in visible:
            raise BadInput("That is in no channel that I watch and you can see")


def _meant(asked: Asked) -> Meant:
    if len(asked.words) != 1:
        raise BadInput("Which one?", remedy="Copy the link from the message's menu (Copy link)")
    return message_of(asked.words[0])
