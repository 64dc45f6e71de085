"""A Slack export as events in time order, and the platform that keeps cards in memory."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vigilbot.cards import Card
from vigilbot.domain import EventKind, Image
from vigilbot.errors import BadExport, PlatformError
from vigilbot.platforms.replay import Export, ReplayPlatform, read_export
from vigilbot.platforms.slack_records import parse_ts

T0 = 1_700_000_000
USERS = [
    {
        "id": "U1",
        "team_id": "T1",
        "name": "ann",
        "real_name": "Ann Real",
        "profile": {"display_name": "Annie", "title": "support analyst"},
    },
    {"id": "U2", "team_id": "T1", "name": "bo", "real_name": "Bo Real", "profile": {"display_name": ""}},
    {"id": "U3", "team_id": "T1", "name": "guest", "is_restricted": True},
    {"id": "U4", "team_id": "T9", "name": "stranger"},
    {"id": "U5", "team_id": "T1", "name": "robot", "is_bot": True},
]


def ts(seconds: float) -> str:
    return f"{T0 + seconds:.6f}"


def said(at: float, text: str = "hi", user: str = "U2", **extra: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts(at), **extra}


def export_of(
    path: Path,
    days: Mapping[str, Sequence[Any]],
    *,
    users: Any = USERS,
    lists: Mapping[str, Any] | None = None,
    **options: Any,
) -> Export:
    lists = lists or {"channels.json": [{"id": "C1", "name": "help"}, {"id": "C2", "name": "billing"}]}
    for name, content in {"users.json": users, **lists, **days}.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content), encoding="utf-8")
    return read_export(path, **options)


def test_events_of_all_channels_come_in_time_order(tmp_path: Path) -> None:
    days = {
        "help/2023-11-14.json": [said(30, "c"), said(10, "a")],
        "help/2023-11-15.json": [said(5, "early, in a late file")],
        "billing/2023-11-14.json": [said(20, "b"), said(10, "a2")],
    }
    export = export_of(tmp_path, days)
    assert [e.text for e in export.events] == ["early, in a late file", "a", "a2", "b", "c"]
    assert export.tenant == "T1"
    assert export.stats.messages == 5


def test_a_message_carries_who_where_and_when(tmp_path: Path) -> None:
    record = said(0.000275, "Hi <@U2>, see <#C2|billing> &amp; <https://x.example/a?b=1>", user="U1")
    record["thread_ts"] = ts(-60)
    (event,) = export_of(tmp_path, {"help/2023-11-14.json": [record]}).events
    assert event.kind is EventKind.POSTED
    assert event.text == "Hi @Bo Real, see #billing & https://x.example/a?b=1"
    assert (event.tenant, event.channel, event.channel_name) == ("T1", "C1", "help")
    assert (event.ts, event.thread) == (record["ts"], record["thread_ts"])
    assert event.at == datetime(2023, 11, 14, 22, 13, 20, 275, tzinfo=UTC)
    assert event.natural_key == f"message:T1:C1:{record['ts']}"
    assert (event.user, event.user_name, event.user_title) == ("U1", "Annie", "support analyst")
    assert (event.is_bot, event.user_external, event.channel_private) == (False, False, False)


def test_guests_and_other_companies_are_external_and_bots_are_bots(tmp_path: Path) -> None:
    records = [said(n, user=user) for n, user in enumerate(("U2", "U3", "U4", "U5", "USLACKBOT"))]
    records += [
        {
            "type": "message",
            "subtype": "bot_message",
            "username": "CI",
            "bot_id": "B1",
            "text": "x",
            "ts": ts(9),
        },
        said(10, user="U77", user_profile={"display_name": "Zoe", "team": "T8"}, user_team="T8"),
        said(11, user="U78"),
    ]
    events = export_of(tmp_path, {"help/2023-11-14.json": records}).events
    who = {e.user: (e.user_name, e.user_external, e.is_bot) for e in events}
    assert who["U2"] == ("Bo Real", False, False)
    assert who["U3"][1:] == (True, False)
    assert who["U4"][1:] == (True, False)
    assert who["U5"][1:] == (False, True)
    assert who["USLACKBOT"][2]
    assert who["B1"] == ("CI", False, True)
    assert who["U77"] == ("Zoe", True, False)
    assert who["U78"] == ("U78", False, False)


def test_subtypes(tmp_path: Path) -> None:
    image = {"mimetype": "image/png", "url_private": "https://f.example/i.png", "title": "screen"}
    records = [
        said(1, "broadcast", subtype="thread_broadcast", thread_ts=ts(0)),
        said(1, "broadcast", subtype="thread_broadcast", thread_ts=ts(0)),
        said(2, "joined", subtype="channel_join"),
        said(3, "left", subtype="channel_leave"),
        said(4, "", subtype="tombstone"),
        said(5, "", files=[image, {"mimetype": "text/plain"}, "odd"]),
        said(6, "", files=[{"mode": "tombstone"}]),
        said(7, "waves", subtype="me_message"),
        said(8, "final words", edited={"user": "U2", "ts": ts(500)}),
        {"type": "message", "bot_id": "B1", "ts": ts(9), "attachments": [{"title": "Alert", "text": "disk"}]},
    ]
    export = export_of(tmp_path, {"help/2023-11-14.json": records})
    assert [(e.kind, e.text) for e in export.events] == [
        (EventKind.POSTED, "broadcast"),
        (EventKind.MEMBER_JOINED, ""),
        (EventKind.POSTED, ""),
        (EventKind.POSTED, "waves"),
        (EventKind.POSTED, "final words"),
        (EventKind.POSTED, "Alert\ndisk"),
    ]
    assert export.events[2].images == (
        Image(url="https://f.example/i.png", title="screen", media_type="image/png"),
    )
    assert export.stats.skipped == {"repeated": 1, "channel leave": 1, "tombstone": 1, "no text": 1}
    assert export.stats.members_joined == 1


def test_records_that_mean_nothing_are_counted_and_skipped(tmp_path: Path) -> None:
    records: list[Any] = [
        {"type": "message", "text": "when?", "user": "U2"},
        said(1, "x") | {"ts": "soon"},
        said(1, "x") | {"ts": True},
        said(1, "x") | {"ts": "9" * 30},
        {"type": "reaction_added", "ts": ts(1)},
        said(2, "   "),
        "a string",
        None,
        said(3, "kept", reactions=[{"name": "eyes", "users": ["U1"]}]),
    ]
    export = export_of(tmp_path, {"help/2023-11-14.json": records})
    assert [e.text for e in export.events] == ["kept"]
    assert export.stats.skipped == {
        "no timestamp": 4,
        "not a message": 1,
        "no text": 1,
        "not an object": 2,
    }


def test_fields_of_any_type_crash_nothing(tmp_path: Path) -> None:
    odd: list[Any] = [None, 7, 1.5, True, [], {}, "x", ["x"], {"a": None}]
    chance = random.Random(5)
    keys = ["user", "text", "thread_ts", "files", "attachments", "bot_id", "user_profile", "subtype", "team"]
    records = [
        said(n, "fine") | {key: chance.choice(odd) for key in keys if chance.random() < 0.4}
        for n in range(500)
    ]
    people = USERS + [
        {"id": f"X{n}", "profile": o, "enterprise_user": o, "name": o} for n, o in enumerate(odd)
    ]
    export = export_of(tmp_path, {"help/2023-11-14.json": records}, users=[*people, *odd])
    assert len(export.events) + sum(export.stats.skipped.values()) == 500
    assert len(export.events) > 300


def test_hostile_text_passes_and_costs_little(tmp_path: Path) -> None:
    texts = ["{id} {{x}} ERR-42 c++ foo:bar", "<" * 100_000, "<@" * 50_000, "&lt;!channel&gt; <!channel>"]
    texts += ["lone \ud800 surrogate", "a" * 100_000, "\u202eevil", "nul \x00 byte"]
    records = [said(n, text, user="U\udc00") for n, text in enumerate(texts)]
    started = time.perf_counter()
    events = export_of(tmp_path, {"help/2023-11-14.json": records}).events
    assert time.perf_counter() - started < 2
    assert len(events) == len(texts)
    assert events[0].text == texts[0]
    for event in events:
        (event.text + event.user + event.user_name + event.key).encode()


def test_private_and_external_channels(tmp_path: Path) -> None:
    lists = {
        "channels.json": [{"id": "C1", "name": "help", "is_ext_shared": True}],
        "groups.json": [{"id": "G1", "name": "internal"}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
        "mpims.json": [{"id": "M1", "name": "mpdm-a--b-1"}],
    }
    folders = ("help", "internal", "D1", "mpdm-a--b-1", "unlisted")
    days = {f"{name}/2023-11-14.json": [said(n)] for n, name in enumerate(folders)}
    export = export_of(tmp_path, days, lists=lists)
    seen = {e.channel: (e.channel_private, e.channel_external) for e in export.events}
    assert seen == {
        "C1": (False, True),
        "G1": (True, False),
        "D1": (True, False),
        "M1": (True, False),
        "unlisted": (True, False),
    }
    assert export.warnings == ("the folder unlisted is in no list of channels: taken as a private channel",)


def test_conversations_are_threads_with_a_human(tmp_path: Path) -> None:
    records = [
        said(1, "question", thread_ts=ts(1)),
        said(2, "answer", user="U1", thread_ts=ts(1)),
        said(3, "alone"),
        said(4, "beep", user="U5"),
    ]
    export = export_of(tmp_path, {"help/2023-11-14.json": records})
    assert export.stats.conversations == 2
    assert len(export.threads) == 3


def test_the_limit_keeps_the_first_conversations_whole(tmp_path: Path) -> None:
    days = {
        "help/2023-11-14.json": [
            said(0, user="U5"),  # nobody but a bot
            said(1, "one"),
            said(3, "late in one", thread_ts=ts(1)),
            said(4, "three"),
            said(5, subtype="channel_join"),
        ],
        "billing/2023-11-14.json": [said(2, "two"), said(2.5, subtype="channel_join")],
    }
    export = export_of(tmp_path, days, limit=2)
    assert [e.text for e in export.events if e.kind is EventKind.POSTED] == ["one", "two", "late in one"]
    assert export.stats.conversations == 2
    assert export.stats.members_joined == 1
    assert len(export.threads) == 4
    with pytest.raises(BadExport, match="--limit 0"):
        export_of(tmp_path, days, limit=0)


@pytest.mark.parametrize("name", ["help", "#help", "C1", "HELP"])
def test_channels_are_chosen_by_name_or_id(tmp_path: Path, name: str) -> None:
    days = {"help/2023-11-14.json": [said(1, "a")], "billing/2023-11-14.json": [said(2, "b")]}
    export = export_of(tmp_path, days, channels=[name])
    assert [e.text for e in export.events] == ["a"]
    assert export.chosen == {"C1"}


def test_an_unknown_channel_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadExport, match=r"no channel 'hepl'.*billing, help"):
        export_of(tmp_path, {"help/2023-11-14.json": [said(1)]}, channels=["hepl"])
    with pytest.raises(BadExport, match="0 messages in #billing"):
        export_of(tmp_path, {"help/2023-11-14.json": [said(1)]}, channels=["billing"])


def test_other_channels_are_not_even_read(tmp_path: Path) -> None:
    days = {"help/2023-11-14.json": [said(1)], "billing/2023-11-14.json": {"not": "a list"}}
    assert export_of(tmp_path, days, channels=["help"]).stats.messages == 1
    with pytest.raises(BadExport):
        export_of(tmp_path, days)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1700000000.000100", datetime(2023, 11, 14, 22, 13, 20, 100, tzinfo=UTC)),
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1700000000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1700000000.5, datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)),
    ],
)
def test_timestamps(value: object, expected: datetime) -> None:
    found = parse_ts(value)
    assert found is not None
    assert found[1] == expected


@pytest.mark.parametrize(
    "value", [None, "", "x", "1.", "-5.0", float("nan"), float("inf"), 1e300, "١٢٣", False]
)
def test_what_is_no_timestamp(value: object) -> None:
    assert parse_ts(value) is None


class StandingClock:
    def now(self) -> datetime:
        return datetime.fromtimestamp(T0, UTC) + timedelta(seconds=1)


def card(body: str) -> Card:
    return Card(title="t", question="q", body=body, citations=(), provenance="", actions=())


async def test_cards_are_kept_once_and_can_be_updated(tmp_path: Path) -> None:
    export = export_of(tmp_path, {"help/2023-11-14.json": [said(1)]})
    platform = ReplayPlatform(clock=StandingClock(), events=export.events)
    where = {"tenant": "T1", "channel": "C1", "thread": ts(1)}
    first = await platform.post(**where, card=card("one"), key="k1")
    again = await platform.post(**where, card=card("other"), key="k1")
    second = await platform.post(**where, card=card("two"), key="k2")
    assert again == first
    assert ts(1) < first < second  # never the id of a message or of another card
    await platform.update(tenant="T1", channel="C1", ts=first, card=card("new"))
    assert [(p.card.body, p.key, p.thread, p.ts) for p in platform.posted] == [
        ("new", "k1", ts(1), first),
        ("two", "k2", ts(1), second),
    ]
    with pytest.raises(PlatformError):
        await platform.update(tenant="T1", channel="C1", ts="1.0", card=card("x"))
    with pytest.raises(PlatformError):
        await platform.update(tenant="T2", channel="C1", ts=first, card=card("x"))
