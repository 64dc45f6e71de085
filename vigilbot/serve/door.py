"""Where a transport hands things in, from the first second on: before the rest is loaded, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vigilbot.domain import Event
from vigilbot.errors import LedgerError
from vigilbot.interactions import OVERLAP
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock, Inbound, Interaction, Response, Watermark

MANY = 8  # events that are being written at one time; usually it is one or none
REFUSED = "the ledger cannot be written, events are refused ({error})"
STARTING = "I am still starting and cannot do that yet. Please try again in a few seconds."
STOPPING = "I am being stopped and cannot do that now. Please try again in a minute."


class Door:
    """``ports.Inbound``. Events are durable at once; the rest waits for ``open``.

    ``arrived`` is called after an event that is new, ``acted`` after somebody did something: both may
    have made work.
    """

    def __init__(
        self, *, ledger: Ledger, clock: Clock, arrived: Callable[[], None], acted: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._arrived = arrived
        self._acted = acted
        self._desk: Inbound | None = None
        self._closed = False
        self._writing = 0
        self.trouble = ""
        """Why events are refused at the moment, to be sent again later; "" while they are taken in."""

    def open(self, desk: Inbound) -> None:
        self._desk = desk

    def close(self) -> None:
        """Nobody is served any more; events that still come are kept for the next start."""
        self._desk = None
        self._closed = True

    @property
    def busy(self) -> bool:
        """More events come in than are written at once."""
        return self._writing > MANY

    async def receive(self, event: Event) -> bool:
        self._writing += 1
        try:
            if self._desk is not None:
                new = await self._desk.receive(event)
            else:
                new = await self._ledger.chats.receive(event, at=self._clock.now())
        except LedgerError as error:
            self.trouble = REFUSED.format(error=error)
            raise
        finally:
            self._writing -= 1
        self.trouble = ""
        if new:
            self._arrived()
        return new

    async def probe(self) -> None:
        """Looks whether what kept events out still does: no new one may come to show it."""
        if not self.trouble:
            return
        try:
            await self._ledger.probe(at=self._clock.now())
        except LedgerError as error:
            self.trouble = REFUSED.format(error=error)
        else:
            self.trouble = ""

    async def act(self, interaction: Interaction) -> Response:
        if self._desk is None:
            return Response(text=STOPPING if self._closed else STARTING)
        try:
            return await self._desk.act(interaction)
        finally:
            self._acted()

    async def gaps(self) -> Sequence[Watermark]:
        """Before ``open`` the gaps are marked, so that no new message hides them, and read later."""
        if self._desk is not None:
            return await self._desk.gaps()
        await self._ledger.channels.open_gaps(before=self._clock.now() - OVERLAP)
        return ()

    async def filled(self, gap: Watermark) -> None:
        if self._desk is not None:
            await self._desk.filled(gap)
