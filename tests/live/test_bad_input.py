"""Bad days: rights that are taken away, places that are gone, requests that make no sense.

Never a hang, never silence after somebody did something, always a line in status. Elsewhere: tokens that
never were good, the signatures of requests, fuzzed payloads and windows that do not open
(tests/unit/platforms/test_slack_connection.py, test_slack_events.py and test_slack_answers.py).
"""

from __future__ import annotations

import asyncio
import json
import time
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from tests.live.company import AGAIN, ASKED, Company, company, eventually, live, quiet_for, words_of


async def card_is_late(c: Company, who: str = "omar") -> str:
    """A question whose card is decided and, for a moment, cannot be posted."""
    c.ws.faults.limit("chat.postMessage", retry_after=1)
    ts = await c.say(who, AGAIN)
    await eventually(lambda: c.rows("SELECT 1 FROM deliveries WHERE last_error <> ''"))
    return ts


async def given_up(c: Company) -> str:
    """Why the card that was late never came."""
    skipped = "SELECT last_error FROM deliveries WHERE state = 'skipped'"
    [row] = await eventually(lambda: c.rows(skipped))
    return str(row["last_error"])


# -- places that are gone


async def test_removed_from_the_channel_it_posts_nothing_says_so_and_comes_back(tmp_path: Path) -> None:
    async with live(tmp_path, invited=("support", "billing")) as c:
        await c.taught()
        ts = await card_is_late(c)
        await c.ws.kick(c.channels["support"], by=c.people["ada"])
        assert "does not act" in await given_up(c)
        assert "#support: I am not a member" in await c.typed("ada", "status", where="billing")
        await c.ws.invite(c.channels["support"], by=c.people["ada"])
        await eventually(lambda: "I am back" in words_of(c.notices("support")[-1]))
        await c.asked("omar", AGAIN.replace("weekly", "monthly"))
        assert not c.cards(ts)


async def test_an_archived_channel_is_left_alone_until_it_is_opened_again(tmp_path: Path) -> None:
    async with live(tmp_path, invited=("support", "billing")) as c:
        await c.taught()
        await card_is_late(c)
        await c.ws.archive(c.channels["support"])
        assert "does not act" in await given_up(c)
        assert "#support: archived" in await c.typed("ada", "status", where="billing")
        await c.ws.unarchive(c.channels["support"])
        await c.asked("omar", AGAIN.replace("weekly", "monthly"))


async def test_a_thread_deleted_under_a_card_or_a_mention_ends_the_matter(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        ts = await card_is_late(c)
        await c.ws.delete(c.people["omar"], c.channels["support"], ts)
        assert "withdrawn" in await given_up(c) or "deleted" in await given_up(c)
        mention = await c.say("omar", f"<@{c.ws.bot_user}> {AGAIN}", stored=True)
        await c.ws.delete(c.people["omar"], c.channels["support"], mention)
        await eventually(
            lambda: c.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM requests WHERE state = 'due')")
        )
        assert not c.all_cards()


# -- rights that are taken away


async def test_a_revoked_token_is_told_and_makes_it_unready(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        card = await c.asked("omar", AGAIN)
        c.ws.revoke()
        await c.ws.settled()
        assert "recorded" in await c.click("omar", card, "accept")  # by the way that needs no token
        ready = await c.readiness()
        assert not ready["ready"]
        assert "token revoked" in " ".join(ready["remarks"])
        assert "token revoked" in await c.typed("ada", "status")


async def test_a_token_that_slack_refuses_without_a_word_is_noticed_and_forgotten(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.faults.fail("chat.postMessage", "account_inactive")
        await c.say("omar", AGAIN)
        assert "removed app" in await given_up(c)
        assert not (await c.readiness())["ready"]
        assert "1 card could not be posted" in await c.typed("ada", "status")
        await c.asked("nina", AGAIN.replace("weekly", "monthly"))
        assert (await c.readiness())["ready"]


@pytest.mark.parametrize(
    ("scope", "says"),
    [
        ("chat:write", "could not introduce myself: chat.postMessage: the app lacks a permission"),
        ("usergroups:read", "nobody is an analyst by group"),
        ("channels:read", "cannot be listed"),
    ],
)
async def test_a_missing_permission_is_named_in_status(tmp_path: Path, scope: str, says: str) -> None:
    async with company(tmp_path, without=scope) as c, c.running():
        await c.ws.invite(c.channels["support"], by=c.people["ada"])
        ts = await c.say("omar", AGAIN)
        await eventually(lambda: c.taken(ts))

        async def told() -> bool:
            status = await c.typed("ada", "status")
            return says in status and scope in status

        await eventually(told)


async def test_a_channel_where_only_people_may_post_is_named_in_status(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.restrict(c.channels["support"])
        await c.say("omar", AGAIN)
        assert "do not let the bot post" in await given_up(c)
        assert "1 card could not be posted" in await c.typed("ada", "status")


async def test_a_form_sent_after_the_right_is_gone_changes_nothing(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        ts = await c.taught()
        await c.typed("ada", f"roster add <@{c.people['omar']}> analyst")
        await c.ws.shortcut(c.people["omar"], c.channels["support"], ts, "save_knowledge")
        [view] = await eventually(lambda: [v for v in c.ws.views(c.people["omar"]) if inputs(v)])
        await c.typed("ada", f"roster remove <@{c.people['omar']}>")
        filled = {block: {element: "Wire the money to Omar."} for block, element in inputs(view).items()}
        assert await c.ws.submit(c.people["omar"], view["id"], filled) == {}
        assert "Only analysts can save" in words_of(c.ws.views(c.people["omar"])[-1])
        assert await c.known() == 1


async def test_an_operator_who_is_one_no_more_cannot_send_the_roster(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        [greeting] = c.notices("support")
        await c.ws.click(c.people["ada"], c.channels["support"], greeting["ts"], "vigilbot:roster")
        [view] = await eventually(lambda: [v for v in c.ws.views(c.people["ada"]) if inputs(v)])
        await c.typed(
            "ada", f"roster add <@{c.people['lea']}> operator"
        )  # from now on owners are nothing special
        filled = {block: {element: [c.people["ada"]]} for block, element in inputs(view).items()}
        assert await c.ws.submit(c.people["ada"], view["id"], filled) == {}
        assert "Only an operator" in words_of(c.ws.views(c.people["ada"])[-1])
        assert [row["user"] for row in await c.rows("SELECT user FROM roster")] == [c.people["lea"]]


async def test_a_question_confirmed_twice_is_done_once(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        [row] = await c.rows("SELECT entry FROM knowledge")
        entry = row["entry"]
        await c.typed("ada", f"kb retract {entry} wrong")
        [question] = [m for m in c.ws.ephemerals(c.people["ada"]) if "Retract" in words_of(m)]
        assert "Retracted" in await c.click("ada", question, "confirm")
        assert await c.known() == 0
        await c.typed("ada", f"kb undo {entry}")
        [undo] = [m for m in c.ws.ephemerals(c.people["ada"]) if "Take back the last" in words_of(m)]
        said = await asyncio.gather(*(c.click("ada", undo, "confirm") for _ in range(2)))
        assert len(said) == 2
        await eventually(lambda: c.more_known(0))
        await quiet_for(0.1, c.known)


# -- requests that make no sense


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_texts_of_any_size_and_kind_are_taken_in(tmp_path: Path, mode: str) -> None:
    texts = [
        "x" * 1_000_000,
        "\ud800 lone",
        "nul \x00",
        "\u202e" * 5000,
        "<" * 20_000,
        "[a](" * 5000,
        "*_~`" * 9000,
    ]
    async with live(tmp_path, mode=mode) as c:
        begun = time.perf_counter()
        for number, text in enumerate(texts):
            ts = f"1790000000.{number:06d}"
            envelope = c.ws.inject(message(c, f"{ASKED} {text}", ts))
            await c.ws.settled()
            assert envelope.acknowledged
            await eventually(lambda ts=ts: c.taken(ts))  # type: ignore[misc]
        assert time.perf_counter() - begun < 5
        assert (await c.readiness())["ready"]
        await c.taught()


async def test_what_slack_would_never_send_harms_nothing(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        for kind, body in NONSENSE:
            c.ws.inject(body, kind=kind)
        await c.ws.settled()
        await c.asked("omar", AGAIN)
        assert (await c.readiness())["ready"]


NONSENSE: list[tuple[str, dict[str, object]]] = [
    ("events_api", {}),
    ("events_api", {"type": "event_callback", "event": {}}),
    ("events_api", {"type": "event_callback", "event": {"type": "message", "channel": {"id": 7}, "ts": []}}),
    ("events_api", {"type": "event_callback", "event": {"type": "message", "ts": "1e999", "channel": "C"}}),
    ("events_api", {"type": "event_callback", "event": {"type": "never_heard_of"}}),
    ("interactive", {"type": "block_actions", "actions": [{}]}),
    ("interactive", {"type": "view_submission", "view": {"callback_id": "vigilbot:roster", "state": 3}}),
    ("interactive", {"type": "view_submission", "view": {"callback_id": "another app's"}}),
    ("interactive", {"type": "message_action", "callback_id": "save_knowledge"}),
    ("interactive", {"type": "shortcut", "callback_id": "nobody's"}),
    ("interactive", {"type": "block_suggestion"}),
    ("slash_commands", {"command": "/vigil"}),
]


async def test_a_request_too_large_or_unsigned_is_refused_and_the_next_is_served(tmp_path: Path) -> None:
    async with live(tmp_path, mode="http") as c:
        large = json.dumps(message(c, "x" * 6_000_000, "1790000000.000001"))
        async with aiohttp.ClientSession() as http:
            signed = c.ws.signed_headers(large)
            body = BytesIO(large.encode())
            async with http.post(str(c.ws.http_target), data=body, headers=signed) as answer:
                assert answer.status == 413
            unsigned = json.dumps(message(c, ASKED, "1790000000.000002"))
            async with http.post(str(c.ws.http_target), data=unsigned) as answer:
                assert answer.status == 401
        await c.taught()
        assert await c.count("messages WHERE ts LIKE '1790000000%'") == 0


def message(c: Company, text: str, ts: str) -> dict[str, object]:
    event = {"type": "message", "channel": c.channels["support"], "channel_type": "channel"}
    event |= {"user": c.people["nina"], "text": text, "ts": ts, "event_ts": ts}
    return {"type": "event_callback", "team_id": c.ws.team, "event_id": f"Ev{ts}", "event": event}


def inputs(view: dict[str, object]) -> dict[str, str]:
    """What a form asks for: block_id and action_id."""
    blocks = view["blocks"]
    assert isinstance(blocks, list)
    return {b["block_id"]: b["element"]["action_id"] for b in blocks if b["type"] == "input"}
