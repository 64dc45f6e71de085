"""Pictures that people attach, as what a language model can be shown."""

from __future__ import annotations

import base64

from vigilbot.errors import PlatformRefused


def data_url(content: bytes, *, name: str) -> str:
    """A PNG, JPEG, GIF or WebP as a ``data:`` URL. Raises PlatformRefused, with the name, for all else."""
    kind = _media_type(content)
    if not kind:
        raise PlatformRefused(f"{name}: neither PNG, JPEG, GIF nor WebP")
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _media_type(content: bytes) -> str:
    """The media type that the first bytes show; what a server calls the file is not asked."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return ""
