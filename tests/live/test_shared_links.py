"""Links that people share in Slack lead to documents: fetched, answered from, followed, and left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.live.company import Company, company, eventually, has_action, quiet_for, words_of
from tests.site import Reply, Site, page
from vigilbot.learning.documents import AGAIN

ROTATE = (
    '<h2 id="rotate">Rotate an ingest key</h2>'
    "<p>Run <code>gatectl keys rotate</code> on the primary node of the gateway.</p>"
)
RENAMED = ROTATE.replace("keys rotate", "secrets cycle")
ASKED = "How do I rotate an ingest key of the gateway?"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as running:
        yield running


@asynccontextmanager
async def office(folder: Path, site: Site, *where: str, **options: str) -> AsyncIterator[Company]:
    """A bot that may fetch from the site, and posts whatever it finds."""
    given = {"documents__allow": site.host, "answer__post": "0.0", "answer__refuse": "0.0"} | options
    async with company(folder, **given) as made, made.running():
        await made.invited(*(where or ("support",)))
        yield made


async def states(made: Company) -> Sequence[str]:
    return [row["state"] for row in await made.ledger.documents.all()]


async def indexed(made: Company) -> bool:
    return "indexed" in await states(made)


def asked_about_links(made: Company, who: str, where: str = "support") -> list[dict[str, Any]]:
    shown = made.ws.ephemerals(made.people[who], made.channels[where])
    return [m for m in shown if has_action(m, "link")]


def choice(notice: dict[str, Any], label: str) -> str:
    """The action_id of the button so called."""
    for block in notice["blocks"]:
        for element in block.get("elements", []):
            if label in str(element.get("text", "")):
                return str(element["action_id"])
    raise AssertionError(f"no button {label!r}: {words_of(notice)}")


async def press(made: Company, who: str, label: str, where: str = "support") -> None:
    [notice] = asked_about_links(made, who, where)
    action = choice(notice, label)
    assert await made.ws.click(made.people[who], made.channels[where], notice["ts"], action)


async def test_a_page_that_an_analyst_links_to_answers_the_next_question(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        await made.say("sam", f"Everything about keys is in {url}")
        await eventually(lambda: indexed(made))
        card = await made.asked("nina", ASKED)
        shown = words_of(card)
        assert "gatectl keys rotate" in shown
        assert f"{url}#rotate" in str(card["blocks"])


async def test_a_question_that_waits_is_answered_by_a_page_shared_later(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site, standing__similarity="0.2") as made:
        ts = await made.say("nina", ASKED)
        await eventually(lambda: made.judged(ts))
        assert not made.cards(ts)
        await made.say("sam", f"New in the handbook: {url}")
        card = await eventually(lambda: made.cards(ts))
        assert "gatectl keys rotate" in words_of(card[0])


async def test_what_is_shared_in_a_private_channel_answers_there_alone(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site, "support", "secret") as made:
        await made.say("sam", f"See {url}", where="secret")
        await eventually(lambda: indexed(made))
        ts = await made.say("nina", ASKED)
        await eventually(lambda: made.judged(ts))
        assert not made.cards(ts)
        await made.asked("nina", ASKED, where="secret")


async def test_a_link_that_an_edit_brings_is_read_too(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        ts = await made.say("sam", "It is in the handbook")
        await eventually(lambda: made.taken(ts))
        await made.ws.edit(made.people["sam"], made.channels["support"], ts, f"It is in {url}")
        await eventually(lambda: indexed(made))


async def test_a_customers_link_is_asked_about_and_not_fetched(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        ts = await made.say("nina", f"Does {url} still hold?")
        await eventually(lambda: made.judged(ts))
        assert await states(made) == ["asked"]
        await made.say("sam", "Let me see.", thread=ts)
        [notice] = await eventually(lambda: asked_about_links(made, "sam"))
        assert notice["thread_ts"] == ts
        assert url.split("//")[1] in words_of(notice)
        assert not asked_about_links(made, "nina")
        assert not site.requests
        await press(made, "sam", "Learn it")
        await eventually(lambda: indexed(made))
        assert not asked_about_links(made, "sam")
        [row] = await made.ledger.documents.all()
        assert (row["added_by"], row["trust"]) == (made.people["sam"], "probation")
        [told] = await made.rows("SELECT actor, detail FROM audit WHERE action = 'link'")
        assert (told["actor"], told["detail"]) == (made.people["sam"], f"learn {url}")
        await made.asked("omar", ASKED)


async def test_analysts_are_asked_once_and_the_first_word_counts(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        ts = await made.say("nina", f"Does {url} still hold?")
        for who in ("sam", "lea"):
            await eventually(lambda: made.taken(ts))
            said = await made.say(who, "Let me see.", thread=ts)
            await eventually(lambda said=said: made.taken(said))
        await eventually(lambda: asked_about_links(made, "sam"))
        await press(made, "sam", "Not this one")
        await eventually(lambda: ignored(made))
        await eventually(lambda: not asked_about_links(made, "sam"))
        await made.say("sam", "Nothing new.", thread=ts)
        await quiet_for(0.3, lambda: len(asked_about_links(made, "sam")) == 0 and not site.requests)


async def ignored(made: Company) -> bool:
    return await states(made) == ["ignored"]


async def test_never_from_this_host_is_remembered(tmp_path: Path, site: Site) -> None:
    first, second = site.put("/a", page("A", ROTATE)), site.put("/b", page("B", ROTATE))
    async with office(tmp_path, site) as made:
        ts = await made.say("nina", f"Does {first} still hold?")
        await eventually(lambda: made.taken(ts))
        await made.say("sam", "Let me see.", thread=ts)
        await eventually(lambda: asked_about_links(made, "sam"))
        await press(made, "sam", "Never from")
        await eventually(lambda: ignored(made))
        later = await made.say("nina", f"And {second}?", thread=ts)
        await eventually(lambda: made.taken(later))
        assert await states(made) == ["ignored"]
        assert not site.requests


async def test_only_analysts_and_operators_decide(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        ts = await made.say("nina", f"Does {url} still hold?")
        await eventually(lambda: made.taken(ts))
        await made.ws.open_home(made.people["ada"])
        home = await eventually(lambda: shows_links(made, "ada"))
        assert url.split("//")[1] in home
        await made.ws.open_home(made.people["omar"])
        assert "Links that customers shared" not in words_of(made.ws.home(made.people["omar"]) or {})


def shows_links(made: Company, who: str) -> str:
    shown = words_of(made.ws.home(made.people[who]) or {})
    return shown if "Links that customers shared" in shown else ""


async def test_nobody_is_asked_in_a_channel_where_it_only_listens(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site, mode__internal="listen") as made:
        ts = await made.say("nina", f"Does {url} still hold?")
        await eventually(lambda: made.taken(ts))
        await made.say("sam", "Let me see.", thread=ts)
        await quiet_for(0.3, lambda: not asked_about_links(made, "sam") and not site.requests)
        await made.ws.open_home(made.people["sam"])
        assert await eventually(lambda: shows_links(made, "sam"))


async def test_a_private_address_is_never_contacted(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site, documents__allow="127.0.0.1:1") as made:
        await made.say("sam", f"See {url}")
        await eventually(lambda: refused(made))
        assert not site.requests


async def refused(made: Company) -> bool:
    return await states(made) == ["refused"]


async def test_the_next_card_says_what_the_page_says_now(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        await made.say("sam", f"See {url}")
        await eventually(lambda: indexed(made))
        site.put("/gateway", page("Gateway", RENAMED))
        await look_again(made)
        await eventually(lambda: made.rows("SELECT 1 FROM knowledge WHERE answer LIKE '%cycle%'"))
        card = words_of(await made.asked("nina", ASKED))
        assert "gatectl secrets cycle" in card
        assert "keys rotate" not in card


async def test_a_page_that_is_gone_answers_nothing_and_operators_are_told(tmp_path: Path, site: Site) -> None:
    url = site.put("/gateway", page("Gateway", ROTATE))
    async with office(tmp_path, site) as made:
        await made.say("sam", f"See {url}")
        await eventually(lambda: indexed(made))
        site.pages["/gateway"] = Reply(status=410)
        for looked in (2, 3):
            await look_again(made)
            await eventually(lambda looked=looked: len(site.requests) >= looked)
        await eventually(lambda: gone(made))
        ts = await made.say("nina", ASKED)
        await eventually(lambda: made.judged(ts))
        assert not made.cards(ts)
        assert "A document is gone" in await made.typed("ada", "status")
        assert "A document is gone" not in await made.typed("sam", "status")


async def gone(made: Company) -> bool:
    return await states(made) == ["gone"]


async def look_again(made: Company) -> None:
    """It is time to look whether the page has changed."""
    [row] = await made.ledger.documents.all()
    past = (datetime.now(UTC) - AGAIN).isoformat()  # noqa: TID251 - the service runs on the machine's clock
    await made.ledger.write(made.ledger.documents.change(row["id"], due_at=past))
    service = made.service
    assert service._seen is not None
    service._seen[2].called()


async def test_a_slow_site_delays_no_card_and_no_end(tmp_path: Path, site: Site) -> None:
    slow = site.put("/slow", page("Slow", ROTATE), pause=20.0)
    async with office(tmp_path, site) as made:
        await made.taught()
        await made.say("sam", f"See {slow}")
        await eventually(lambda: site.requests)
        await made.asked("omar", "The weekly export fails with ERR-4031 since this morning. What now?")
