"""The report on the knowledge base: its figures, and a page that stands alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.evals.test_replay_html import HOSTILE, Page
from vigilbot.admin import retract, undo
from vigilbot.evals.kb_report import KbReport, as_json, kb_report
from vigilbot.evals.kb_report_html import kb_page
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

KEY = "How do I rotate the signing key of the gateway?"
PEOPLE = {"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")}


async def reported(folder: Path, *, asked: str = "") -> KbReport:
    world = World(
        settings=load(
            options={"retrieval.index": "exact", "oncall.gate": "immediately", "oncall.grace": "0s"}
        ),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels={"help": Channel(name="help")},
    )
    await world.start()
    try:
        if asked:
            ledger, knowledge = world.parts.ledger, world.parts.knowledge
            entry = await world.teach(KEY, "Run gatectl rotate on the primary")
            other = await world.teach("Where are the logs?", "In the bucket audit")
            await world.say("carl", KEY, on="first")
            await world.wait(timedelta(minutes=1))
            await world.click("accept", "carl", on="first")
            await world.say("carl", asked, on="second")
            await world.wait(timedelta(days=2))
            now = world.clock.now()
            await retract(knowledge, ledger, other, actor="olga", reason="old", at=now)
            await retract(knowledge, ledger, entry, actor="olga", reason="old", at=now)
            await undo(knowledge, ledger, entry, actor="olga", at=now)
        return await kb_report(world.parts.ledger, now=world.clock.now())
    finally:
        await world.stop()


async def test_every_entry_counts_once_in_each_part(tmp_path: Path) -> None:
    report = await reported(tmp_path, asked="Which ports does the exporter need?")
    figures = as_json(report)
    assert (figures["entries"], figures["retracted"], figures["used"], figures["gaps"]) == (1, 1, 1, 1)
    assert figures["operations"] == {"import": 2, "retract": 2, "undo": 1}
    for part in (report.ages, report.uses, report.confirmed):
        assert sum(n for _, n in part) == 1
    assert dict(report.confirmed)["accepted_by_asker"] == 1
    assert dict(report.uses)["once"] == 1
    days, in_force = report.growth
    assert in_force[0] == 0
    assert max(in_force) == 2
    assert in_force[-1] == 1
    assert list(days) == sorted(days)
    assert sum(n for _, n, _ in report.asked) == 2
    assert [(e.cards, e.accepted) for e in report.best] == [(1, 1)]


@pytest.mark.parametrize("asked", ["", f"Why? {HOSTILE}"])
async def test_the_page_stands_alone_and_nobodys_words_break_out(tmp_path: Path, asked: str) -> None:
    source = kb_page(await reported(tmp_path, asked=asked))
    page = Page(source)
    assert page.stack == []
    assert not [tag for tag, _ in page.tags if tag in ("script", "img", "iframe", "object")]
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert "http://" not in source.replace("http://www.w3.org", "")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert "knows nothing yet" in page.text or "VigilBot knows 1 thing" in page.text
