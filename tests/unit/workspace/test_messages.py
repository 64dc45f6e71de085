"""What people write and do in channels, and what the app hears of it."""

import pytest
from slack_sdk.errors import SlackApiError

from tests.unit.workspace.parts import Bolt, Town
from vigilbot.workspace import Workspace
from vigilbot.workspace.scene import Refusal


def events(ws: Workspace, kind: str) -> list[dict]:
    name, _, subtype = kind.partition(".")
    found = [e.payload["event"] for e in ws.sent if e.type == "events_api"]
    return [e for e in found if e["type"] == name and e.get("subtype", "") == subtype]


async def test_text_is_passed_on_as_slack_writes_it(ws: Workspace, town: Town) -> None:
    group = ws.add_group("oncall", [town.ada])
    text = "@ada if a < b && c > d see https://x.example/a?b=1&c=2, ask @oncall in #support or @nobody"
    ts = await ws.say(town.carla, town.support, text)
    message = ws.message(town.support, ts)
    assert message is not None
    assert message["text"] == (
        f"<@{town.ada}> if a &lt; b &amp;&amp; c &gt; d see <https://x.example/a?b=1&amp;c=2>, "
        f"ask <!subteam^{group}> in <#{town.support}|support> or @nobody"
    )
    [section] = message["blocks"][0]["elements"]
    kinds = [e["type"] for e in section["elements"]]
    assert kinds == ["user", "text", "link", "text", "usergroup", "text", "channel", "text"]


async def test_markup_that_somebody_types_stays_text(ws: Workspace, town: Town) -> None:
    ts = await ws.say(town.carla, town.support, "<@U0NOBODY> <b>bold</b>")
    message = ws.message(town.support, ts)
    assert message is not None
    assert message["text"] == "&lt;@U0NOBODY&gt; &lt;b&gt;bold&lt;/b&gt;"


async def test_a_mention_is_two_events_with_two_ids(ws: Workspace, town: Town) -> None:
    await ws.say(town.carla, town.support, "@vigilbot why is it slow?")
    assert [e.name for e in ws.sent] == ["message", "app_mention"]
    assert len({e.payload["event_id"] for e in ws.sent}) == 2
    assert len({e.payload["event"]["ts"] for e in ws.sent}) == 1


async def test_a_thread_counts_its_replies(ws: Workspace, town: Town) -> None:
    root = await ws.say(town.carla, town.support, "Is it down?")
    await ws.say(town.ada, town.support, "Looking", thread=root)
    last = await ws.say(town.carla, town.support, "Thanks", thread=root)
    shown = ws.messages(town.support)
    assert [m["ts"] for m in shown] == [root]
    assert (shown[0]["reply_count"], shown[0]["latest_reply"]) == (2, last)
    assert [m["text"] for m in ws.messages(town.support, root)] == ["Is it down?", "Looking", "Thanks"]
    assert (events(ws, "message"))[-1]["parent_user_id"] == town.carla


async def test_a_broadcast_reply_shows_in_the_channel_too(ws: Workspace, town: Town) -> None:
    root = await ws.say(town.carla, town.support, "Is it down?")
    await ws.say(town.ada, town.support, "Fixed", thread=root, broadcast=True)
    assert [m["text"] for m in ws.messages(town.support)] == ["Is it down?", "Fixed"]
    [event] = events(ws, "message.thread_broadcast")
    assert event["root"]["text"] == "Is it down?"


async def test_an_edit_and_an_unfurl_differ_in_their_text_only(ws: Workspace, town: Town) -> None:
    ts = await ws.say(town.carla, town.support, "Is it dwon?")
    await ws.edit(town.carla, town.support, ts, "Is it down?")
    await ws.unfurl(town.support, ts, {"title": "Status page"})
    edit, unfurl = events(ws, "message.message_changed")
    assert edit["previous_message"]["text"] == "Is it dwon?"
    assert edit["message"]["edited"]["user"] == town.carla
    assert unfurl["message"]["text"] == unfurl["previous_message"]["text"]
    assert (edit["message"]["ts"], edit["ts"] > ts) == (ts, True)


async def test_deleting_a_root_with_replies_leaves_a_tombstone(ws: Workspace, town: Town) -> None:
    root = await ws.say(town.carla, town.support, "Is it down?")
    reply = await ws.say(town.ada, town.support, "Looking", thread=root)
    await ws.delete(town.carla, town.support, root)
    assert [m.get("subtype") for m in ws.messages(town.support, root)] == ["tombstone", None]
    [event] = events(ws, "message.message_changed")
    assert event["message"]["subtype"] == "tombstone"
    await ws.delete(town.ada, town.support, reply)
    [event] = events(ws, "message.message_deleted")
    assert (event["deleted_ts"], event["previous_message"]["text"]) == (reply, "Looking")


async def test_reactions_come_once_each(ws: Workspace, town: Town) -> None:
    ts = await ws.say(town.carla, town.support, "Is it down?")
    await ws.react(town.ada, town.support, ts, "white_check_mark")
    with pytest.raises(Refusal, match="already_reacted"):
        await ws.react(town.ada, town.support, ts, "white_check_mark")
    await ws.unreact(town.ada, town.support, ts, "white_check_mark")
    [added] = events(ws, "reaction_added")
    assert added["item"] == {"type": "message", "channel": town.support, "ts": ts}
    assert (added["user"], added["item_user"]) == (town.ada, town.carla)
    assert len(events(ws, "reaction_removed")) == 1


async def test_the_app_hears_that_it_was_invited_and_removed(ws: Workspace, town: Town) -> None:
    other = ws.add_channel("sales", members={town.carla})
    await ws.say(town.carla, other, "before")
    await ws.invite(other, by=town.carla)
    await ws.kick(other, by=town.carla)
    await ws.say(town.carla, other, "after")
    assert [e.name for e in ws.sent] == [
        "member_joined_channel",
        "message.channel_join",
        "channel_left",
    ]
    [joined] = events(ws, "member_joined_channel")
    assert (joined["user"], joined["inviter"]) == (ws.bot_user, town.carla)


async def test_private_channels_and_direct_messages_need_their_scopes() -> None:
    for scopes, heard in ((set(), 0), ({"groups:history", "im:history"}, 2)):
        ws = Workspace(scopes={"channels:history", *scopes})
        town = Town(ws)
        secret = ws.add_channel("secret", private=True, members={town.carla, ws.bot_user})
        await ws.say(town.carla, secret, "private")
        await ws.say(town.carla, ws.direct(town.carla), "direct")
        assert len(ws.sent) == heard


async def test_events_that_the_app_did_not_subscribe_to_do_not_come() -> None:
    ws = Workspace(events={"app_mention"})
    town = Town(ws)
    await ws.say(town.carla, town.support, "@vigilbot hello")
    assert [e.name for e in ws.sent] == ["app_mention"]


async def test_people_of_another_company_are_marked(ws: Workspace, town: Town) -> None:
    pat = ws.add_user("Pat", team="T0PARTNER")
    shared = ws.add_channel("partner", external=True, members={pat, ws.bot_user})
    await ws.say(pat, shared, "Hello")
    payload = ws.sent[-1].payload
    assert payload["is_ext_shared_channel"] is True
    assert payload["event"]["user_team"] == "T0PARTNER"
    assert payload["authorizations"][0]["team_id"] == ws.team


async def test_bots_and_webhooks_differ(ws: Workspace, town: Town) -> None:
    robot = ws.add_user("Deploys", bot=True)
    await ws.say(robot, town.support, "deployed")
    await ws.webhook(town.support, "Alerts", "disk full")
    [modern] = events(ws, "message")
    [legacy] = events(ws, "message.bot_message")
    assert modern["bot_id"]
    assert (legacy["username"], "user" in legacy) == ("Alerts", False)


async def test_what_happens_to_a_channel_is_told(ws: Workspace, town: Town) -> None:
    await ws.rename(town.support, "help")
    await ws.share(town.support, "T0PARTNER")
    await ws.unshare(town.support, "T0PARTNER")
    await ws.archive(town.support)
    await ws.unarchive(town.support)
    assert [e.name for e in ws.sent] == [
        "channel_rename",
        "channel_shared",
        "channel_unshared",
        "channel_archive",
        "channel_unarchive",
    ]
    assert ws.sent[0].payload["event"]["channel"]["name"] == "help"


async def test_a_change_of_a_group_names_who_came_and_went(ws: Workspace, town: Town) -> None:
    group = ws.add_group("oncall", [town.ada])
    await ws.change_group(group, [town.carla])
    event = ws.sent[-1].payload["event"]
    assert (event["added_users"], event["removed_users"]) == ([town.carla], [town.ada])


async def test_an_old_time_can_be_given_and_is_sorted_in(ws: Workspace, town: Town) -> None:
    await ws.say(town.carla, town.support, "new")
    await ws.say(town.carla, town.support, "old", ts="1500000000.000100")
    assert [m["text"] for m in ws.messages(town.support)] == ["old", "new"]


async def test_watchers_hear_of_changes_until_they_stop(ws: Workspace, town: Town) -> None:
    heard: list[str] = []
    stop = ws.subscribe(lambda change: heard.append(change["type"]))
    await ws.say(town.carla, town.support, "one")
    stop()
    await ws.say(town.carla, town.support, "two")
    assert heard.count("message") == 1


async def test_the_apps_own_posts_come_back_to_it(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    posted = await bolt.client.chat_postMessage(channel=town.support, text="Hello")
    await bolt.client.chat_update(channel=town.support, ts=posted["ts"], text="Hello again")
    await ws.delete(town.ada, town.support, posted["ts"])
    await ws.settled()
    assert [e["bot_id"] for e in bolt.of("message")] == [ws.bot_id]
    [changed] = bolt.of("message.message_changed")
    assert changed["message"]["text"] == "Hello again"
    [deleted] = bolt.of("message.message_deleted")
    assert deleted["previous_message"]["user"] == ws.bot_user


async def test_a_revoked_token_is_announced_and_void(ws: Workspace, bolt: Bolt) -> None:
    await bolt.connect()
    ws.revoke()
    await ws.settled()
    assert bolt.of("tokens_revoked")
    with pytest.raises(Exception, match="token_revoked"):
        await bolt.client.auth_test()


async def test_nobody_writes_into_an_archived_channel(ws: Workspace, town: Town) -> None:
    await ws.archive(town.support)
    with pytest.raises(Refusal, match="is_archived"):
        await ws.say(town.carla, town.support, "Hello?")


async def test_a_new_title_is_told(ws: Workspace, town: Town) -> None:
    await ws.retitle(town.carla, "Support analyst")
    assert ws.sent[-1].payload["event"]["user"]["profile"]["title"] == "Support analyst"


async def test_a_reload_forgets_what_one_person_saw(ws: Workspace, town: Town, bolt: Bolt) -> None:
    for user in (town.ada, town.carla):
        await bolt.client.chat_postEphemeral(channel=town.support, user=user, text="Only you")
    ws.reload(town.ada)
    assert (len(ws.ephemerals(town.ada)), len(ws.ephemerals(town.carla))) == (0, 1)


async def test_a_private_channels_events_have_names_of_their_own() -> None:
    ws = Workspace(scopes={"groups:read", "groups:history"})
    carla = ws.add_user("Carla")
    secret = ws.add_channel("secret", private=True, members={carla, ws.bot_user})
    await ws.rename(secret, "hidden")
    await ws.archive(secret)
    await ws.kick(secret, by=carla)
    assert [e.name for e in ws.sent] == ["group_rename", "group_archive", "group_left"]


async def test_a_removed_channel_is_gone(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await ws.remove_channel(town.support, by=town.ada)
    assert ws.sent[-1].payload["event"]["channel"] == town.support
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await bolt.client.conversations_info(channel=town.support)


async def test_an_app_that_is_removed_hears_of_it_last(ws: Workspace, town: Town) -> None:
    ws.uninstall()
    assert [e.name for e in ws.sent] == ["tokens_revoked", "app_uninstalled"]
