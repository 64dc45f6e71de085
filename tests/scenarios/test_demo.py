"""The story of `vigilbot demo`: what its headings promise is what the bot does."""

from __future__ import annotations

from vigilbot.demo import play
from vigilbot.ports import Embedder
from vigilbot.settings import Settings


async def test_every_chapter_keeps_its_promise(real_embedder: Embedder) -> None:
    chapters: list[list[tuple[str, str]]] = []

    def out(kind: str, text: str) -> None:
        if kind == "heading":
            chapters.append([])
        else:
            chapters[-1].append((kind, text))

    await play(Settings(), out, embedder=real_embedder)

    silent, helped, misfired, standing = [[text for kind, text in c if kind == "card"] for c in chapters]
    learned = [[text for kind, text in c if kind == "learned"] for c in chapters]
    assert silent == []
    assert "write token of the bucket has expired" in learned[0][-1]
    assert len(helped) == 1
    assert "https://docs.harbor.example/tokens" in helped[0]
    assert any("clicks Accept: Thank you" in text for _, text in chapters[1])
    assert len(misfired) == 2
    assert "chronyc" not in misfired[0]
    assert "revision 2" in learned[2][-1]
    assert "chronyc makestep" in misfired[1]
    assert "write token of the bucket has expired" in misfired[1]
    assert len(standing) == 1
    assert "https://docs.harbor.example/move-region" in standing[0]
