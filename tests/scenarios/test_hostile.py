"""Hostile texts through the whole core: nothing crashes, nothing is lost, nothing is said twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigilbot.app import engine_of
from vigilbot.ports import Embedder
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.scenario import span

TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "placeholders": "{id} {{x}} ${HOME} %(x)s %s {0} {% raw %} <doc_1> [1] [99]",
    "mentions": "<!channel> <!here> <@U123> <#C1|x> <https://evil.example|https://good.example> @everyone",
    "codes": 'ERR-42 c++ foo:bar a.b.c --flag C:\\x\\y ::1 NULL 0x0 1e9 x AND y OR NOT NEAR(a b) a* "q',
    "sql": "'; DROP TABLE messages; -- \" ` \\",
    "bidi": "\u202eevil\u202c \u2066isolate\u2069 \u200b\u200c\u200d\ufeff zero\u00adwidth",
    "control": "a\x00b\x01c\x1b[31mred\x7f\x85\u2028\u2029z",
    "surrogate": "half \ud83d a pair",
    "combining": "z" + "\u0301\u0323\u0302" * 5000,
    "long word": "a" * 100_000,
    "long digits": "1" * 100_000,
    "long text": "How do I rotate the key of the gateway? " * 2500,
    "long lines": "\n" * 50_000 + "?" * 50_000,
    "nested": "(" * 30_000 + "[" * 30_000 + "`" * 40_000,
    "quotes": "> " * 50_000,
    "links": "https://x.example/" + "a/" * 40_000 + " http://[::1 https://user:pw@h:99999999/",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 :tada: " * 2000,
    "scripts": "如何 轮换 密钥\uff1f كيف أقوم بتدوير المفتاح؟ איך מסובבים? ключ? 鍵を回すには\uff1f 열쇠? "
    * 300,
    "nothing but marks": "??????!!!! ?",
}


def world_in(folder: Path, engine: DirectedEngine, embedder: Embedder) -> World:
    return World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=folder,
        embedder=embedder,
        engine=engine,
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "dora": Person(name="dora"),
        },
        channels={"help": Channel(name="help")},
    )


async def ask_fix_ask_again(world: World, text: str) -> None:
    """One on-call in which everybody speaks like this, and a second that asks the same."""
    await world.start()
    try:
        await world.say("carl", f"How do I mend {text} ?")
        await world.wait(span("1m"))
        await world.say("carl", text, label="odd")
        await world.say("ann", text)
        await world.say("ann", f"FIX: You mend it with {text}")
        await world.wait(span("30m"))
        await world.say("dora", f"How do I mend {text} ?", on="second")
        await world.wait(span("30m"))
        await world.wait(None)
        rows = await world.parts.ledger.fetch("SELECT state, last_error FROM inbox")
        assert [row["state"] for row in rows] == ["done"] * 5, rows
        assert len(world.cards("second")) <= 1
        assert not world.cards("main")
    finally:
        await world.stop()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_product_survives(text: str, tmp_path: Path, real_embedder: Embedder) -> None:
    engine = DirectedEngine(engine_of(load(), real_embedder))
    await ask_fix_ask_again(world_in(tmp_path, engine, real_embedder), text)


@pytest.mark.parametrize("name", ["placeholders", "mentions", "codes", "sql", "bidi", "control"])
async def test_text_reaches_the_card_unharmed(name: str, tmp_path: Path) -> None:
    """What people wrote is what the card says: placeholders are no placeholders."""
    text = TEXTS[name]
    world = world_in(tmp_path, DirectedEngine(ScriptedEngine()), HashEmbedder())
    await ask_fix_ask_again(world, text)
    [card] = world.cards("second")
    assert card.card.body == f"You mend it with {text} [1]"
