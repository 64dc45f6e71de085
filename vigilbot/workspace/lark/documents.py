"""A document as the blocks that Lark's API lists: here its text is written as Markdown."""

from __future__ import annotations

import re

from vigilbot.workspace.lark.state import Document, Json

_KINDS = {"page": 1, "text": 2, "bullet": 12, "code": 14}


def blocks_of(document: Document) -> list[Json]:
    """The page's own block first, then one a paragraph, in order."""
    found = [_block(document, 0, "page", document.title)]
    for number, paragraph in enumerate(re.split(r"\n{2,}", document.text.strip()), start=1):
        heading = re.fullmatch(r"(#{1,6}) (.*)", paragraph, re.DOTALL)
        if heading:
            found.append(_block(document, number, f"heading{len(heading[1])}", heading[2]))
        elif paragraph.startswith("- "):
            found.append(_block(document, number, "bullet", paragraph[2:]))
        else:
            found.append(_block(document, number, "text", paragraph))
    return found


def _block(document: Document, number: int, kind: str, text: str) -> Json:
    type_ = _KINDS[kind] if kind in _KINDS else 2 + int(kind.removeprefix("heading"))
    run = {"text_run": {"content": text, "text_element_style": {}}}
    return {
        "block_id": f"{document.token}-{number}",
        "block_type": type_,
        kind: {"elements": [run], "style": {}},
    }
