"""What a live chat platform is to a bot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vigilbot.ports import Directory, Platform, Transport
from vigilbot.server import Route


class Chat(Platform, Directory, Transport, Protocol):
    """``routes`` are its pages in the bot's web server; ``tenant`` the company it serves, known once
    it is connected."""

    @property
    def tenant(self) -> str: ...

    def routes(self) -> Sequence[Route]: ...
