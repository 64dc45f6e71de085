"""The chats that settings name, opened with the environment's secrets; several are one to the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from vigilbot.domain import Image
from vigilbot.errors import PlatformRefused
from vigilbot.learning.pages import OwnFetcher
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.platforms.lark_content import SCHEME
from vigilbot.platforms.lark_documents import is_document
from vigilbot.ports import Clock, Fetcher
from vigilbot.providers.pictures import Pictures
from vigilbot.serve.chat import Chat
from vigilbot.serve.lark import LarkSecrets, lark_chat, lark_secrets
from vigilbot.serve.named import Named, named_chats
from vigilbot.serve.several import SeveralChats
from vigilbot.serve.slack import SlackSecrets, slack_chat, slack_pictures, slack_secrets
from vigilbot.settings import Settings

Secrets = SlackSecrets | LarkSecrets


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """A chat that is not connected yet, and how pictures in it and documents beside it are read."""

    chat: Chat
    pictures: Pictures
    documents: OwnFetcher


def secrets_of(settings: Settings, environ: Mapping[str, str]) -> Mapping[Named, Secrets]:
    """Of every chat that settings name. Raises BadInput."""
    return {
        named: slack_secrets(settings, environ, named)
        if named.platform == "slack"
        else lark_secrets(settings, environ, named)
        for named in named_chats(settings.platform.connect)
    }


@asynccontextmanager
async def opened(
    settings: Settings, secrets: Mapping[Named, Secrets], *, clock: Clock
) -> AsyncIterator[Connection]:
    chats: dict[str, Chat] = {}
    readers: list[tuple[Chat, Pictures]] = []
    lark_ones: list[LarkAdapter] = []
    async with AsyncExitStack() as stack:
        for named, known in secrets.items():
            if isinstance(known, SlackSecrets):
                slack = slack_chat(settings, known, named, clock=clock)
                files = await stack.enter_async_context(slack_pictures(settings, known))
                chats[str(named)] = slack
                readers.append((slack, files.picture))
            else:
                lark = lark_chat(settings, known, named, clock=clock)
                chats[str(named)] = lark
                readers.append((lark, lark.files.picture))
                lark_ones.append(lark)
        one = next(iter(chats.values()))
        chat = one if len(chats) == 1 else SeveralChats(chats)
        yield Connection(chat=chat, pictures=_pictures(readers), documents=documents_in(lark_ones))


def documents_in(chats: Sequence[LarkAdapter]) -> OwnFetcher:
    """A document is asked for by the company's own app in whose chat it was shared, and by no other."""

    def fetcher(url: str, tenant: str) -> Fetcher | None:
        if not is_document(url):
            return None
        return next((chat.documents for chat in chats if tenant and chat.tenant == tenant), None)

    return fetcher


def _pictures(readers: list[tuple[Chat, Pictures]]) -> Pictures:
    """A picture is asked for with the credentials of the company it belongs to and no others."""

    async def picture(image: Image) -> str:
        for chat, read in readers:
            if len(readers) == 1 or (chat.tenant and chat.tenant in _owner(image)):
                return await read(image)
        raise PlatformRefused("a picture of no company that is connected")

    return picture


def _owner(image: Image) -> str:
    """Where the company stands in a picture's address: both platforms write it there."""
    return image.url if image.url.startswith(f"{SCHEME}:") else image.url.split("/-/")[0]
