"""A card shows what the least privileged member of its channel may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.cards import Card
from vigilbot.domain import Citation
from vigilbot.ledger import Channels
from vigilbot.settings import load
from vigilbot.showing import NOT_SHOWN, is_internal
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
WIKI = "https://wiki.corp.example/keys"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(
        settings=load(
            options={
                "retrieval.index": "exact",
                "oncall.grace": "0s",
                "learn.delay": "1m",
                "mode.external": "everyone",
                "scope.space": "one",
                "cards.internal_hosts": "[.corp.example]",
            }
        ),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "dora": Person(name="dora"),
        },
        channels={
            "help": Channel(name="help"),
            "other": Channel(name="other"),
            "vault": Channel(name="vault", private=True),
            "globex": Channel(name="globex", external=True),
            "dm": Channel(name="dm", private=True, direct=True),
        },
    )

    async def link(*, tenant: str, channel: str, ts: str) -> str:
        return f"https://chat.example/{channel}/{ts}"

    world.platform.link = link  # type: ignore[method-assign]
    await world.start()
    yield world
    await world.stop()


async def learned_in(world: World, channel: str, fix: str) -> str:
    """Somebody resolves the question in a channel, and it is learned there; returns the message's ts."""
    await world.say("carl", QUESTION, on="taught", channel=channel)
    await world.wait(timedelta(seconds=20))
    said = await world.say("ann", f"FIX: {fix}", on="taught")
    await world.wait(timedelta(minutes=5))
    return said.ts


async def card_in(world: World, channel: str) -> Card:
    await world.say("dora", QUESTION, on="asked", channel=channel)
    await world.wait(timedelta(minutes=2))
    [posted] = world.cards("asked")
    return posted.card


@pytest.mark.parametrize(
    ("learned", "shown", "linked"),
    [
        ("help", "help", True),
        ("help", "other", True),
        ("help", "dm", True),
        ("vault", "vault", True),
        ("globex", "globex", True),
        ("vault", "help", False),
        ("globex", "help", False),
        ("help", "globex", False),
        ("help", "vault", False),
        ("vault", "globex", False),
    ],
)
async def test_an_earlier_case_is_linked_where_everybody_can_open_it(
    world: World, learned: str, shown: str, linked: bool
) -> None:
    ts = await learned_in(world, learned, "run gatectl rotate on the primary")
    card = await card_in(world, shown)
    url = f"https://chat.example/C-{learned.upper()}/{ts}" if linked else ""
    assert card.citations == (Citation(url=url, title="an earlier case"),)
    assert card.body == "run gatectl rotate on the primary [1]"


async def test_a_deleted_message_is_not_linked(world: World) -> None:
    ts = await learned_in(world, "help", "run gatectl rotate on the primary")
    [row] = await world.parts.ledger.entries.list_current()
    await world.parts.ledger.write(world.parts.ledger.chats.delete_message(f"T1/C-HELP/{ts}"))
    assert row["message_ids"] == f'["T1/C-HELP/{ts}"]'
    assert (await card_in(world, "help")).citations[0].url == ""


@pytest.mark.parametrize("shown", ["help", "globex"])
async def test_another_private_channel_gives_neither_link_nor_name(world: World, shown: str) -> None:
    await learned_in(
        world, "vault", "ask @bob.k in #vault-ops (see https://docs.example/x), mail a@b.example #1"
    )
    card = await card_in(world, shown)
    assert card.citations == (Citation(url="", title="an earlier case"),)
    assert card.body.startswith(f"ask somebody in another channel (see {NOT_SHOWN}")
    assert "a@b.example #1" in card.body
    for secret in ("bob", "vault", "docs.example"):
        assert secret not in repr(card)


@pytest.mark.parametrize(("shown", "seen"), [("help", True), ("vault", True), ("globex", False)])
async def test_internal_hosts_are_not_linked_where_others_read(world: World, shown: str, seen: bool) -> None:
    await world.teach(QUESTION, f"See {WIKI} for it", url=WIKI, space="one")
    card = await card_in(world, shown)
    assert (card.citations[0].url == WIKI) is seen
    assert (WIKI in card.body) is seen
    assert ("corp.example" in repr(card)) is seen


@pytest.mark.parametrize(
    ("url", "internal"),
    [
        ("https://wiki.corp.example/a", True),
        ("https://WIKI.Corp.Example./a", True),
        ("https://intra/a", True),
        ("https://corp.example/a", False),
        ("https://notcorp.example/a", False),
        ("https://intra.example/a", False),
        ("https://[broken/a", True),
    ],
)
def test_hosts_match_as_the_setting_says(url: str, internal: bool) -> None:
    assert is_internal(url, (".corp.example", "Intra")) is internal


async def test_one_guest_sees_no_more_than_another_company(world: World) -> None:
    await world.teach(QUESTION, f"See {WIKI} for it", url=WIKI, space="one")
    [row] = await world.parts.ledger.entries.list_current()
    channel = await world.parts.ledger.chats.channel("T1", "C-HELP") or {
        "tenant": "T1", "channel": "C-HELP", "external": 0, "private": 0, "direct": 0,
    }  # fmt: skip
    told = await world.parts.bot.delivery.showing.told(
        row["answer"], [Citation(url=WIKI, title=WIKI)], {row["entry"]: 1}, channel=channel, guest=True
    )
    assert WIKI not in repr(told)


async def test_what_turns_private_later_is_hidden_when_the_card_is_drawn_anew(world: World) -> None:
    await learned_in(world, "other", "run gatectl, see https://docs.example/x")
    assert (await card_in(world, "help")).citations[0].url == "https://docs.example/x"
    await world.parts.ledger.write(Channels.change("T1", "C-OTHER", private=1))
    await world.click("accept", "dora", on="asked")
    [posted] = world.cards("asked")
    assert posted.card.accepted_by == "dora"
    assert "docs.example" not in repr(posted.card)
