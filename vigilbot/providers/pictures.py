"""How a language model gets to see the pictures of a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from vigilbot.domain import Image
from vigilbot.errors import PlatformError

log = logging.getLogger("vigilbot.models")

Pictures = Callable[[Image], Awaitable[str]]
"""A picture as a ``data:`` URL, within a bounded time: its own address is the platform's and private.

Raises PlatformError.
"""


async def shown(images: Sequence[Image], pictures: Pictures | None) -> Sequence[str]:
    """``data:`` URLs in order, "" for a picture that could not be had; none at all without ``pictures``."""
    if pictures is None:
        return ()
    return await asyncio.gather(*(_picture(image, pictures) for image in images))


async def _picture(image: Image, pictures: Pictures) -> str:
    try:
        return await pictures(image)
    except PlatformError as error:
        log.warning("a picture is left out: %s", error)
        return ""


def parts(data: str, told: Sequence[str]) -> list[dict[str, Any]]:
    """A request's content in OpenAI's form: the text, then every picture or a word for it."""
    found: list[dict[str, Any]] = [{"type": "text", "text": data}]
    for number, picture in enumerate(told, start=1):
        if picture:
            found.append({"type": "image_url", "image_url": {"url": picture}})
        else:
            found.append({"type": "text", "text": f"(image {number} is left out: it could not be read.)"})
    return found
