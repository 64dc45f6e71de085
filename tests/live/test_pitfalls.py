"""What has gone wrong in bots like this one, each as a test of the whole bot.

What is kept elsewhere already is not repeated here: ``slack_…`` stands for
tests/unit/platforms/test_slack_….py, ``scenarios`` for tests/scenarios, which also run on Slack.

| pitfall | test |
|---|---|
| acknowledged, then crashed | test_a_crash_after_the_acknowledgement_loses_nothing; test_kill |
| an event without a listener | slack_incoming: test_what_nobody_has_a_use_for_is_acknowledged_and_counted |
| auth.test for every event of a burst | slack_incoming: test_events_ask_slack_nothing |
| the same event twice | test_an_event_delivered_again_across_a_restart_is_no_second_question |
| `message` and `app_mention` of one message | test_a_mention_in_a_channel_is_answered_once |
| edits, deletions | scenarios: edit_…, deleted_… |
| previews of links | test_a_preview_of_a_link_is_no_second_question |
| somebody deletes the card | test_a_card_that_somebody_deletes_counts_against_the_answer_and_stays_away |
| other bots | test_another_bot_is_neither_customer_nor_analyst |
| replies to the channel too | slack_incoming: test_a_reply_sent_to_the_channel_too_stays_in_its_thread_once |
| out of order | test_a_reply_that_overtakes_its_question_is_read_after_it |
| a gap between two connections | test_what_was_said_and_answered_while_the_bot_was_away_is_learned; \
test_the_first_question_in_a_channel_may_come_while_the_bot_is_away; slack_connection |
| ghost connections | test_ghost_connections_stand_in_status_and_readiness |
| a post sent twice | test_a_post_whose_answer_is_lost_is_one_card; test_kill |
| "slow down" in the middle of an answer | test_slow_down_delays_a_card_and_nothing_else |
| a card after the analyst's answer | test_no_card_goes_out_after_an_analyst_was_faster |
| more text than a message may have | test_an_answer_of_any_length_is_a_card_that_slack_takes; slack_render |
| `<!channel>` and its like | test_nothing_that_people_write_or_are_called_summons_anybody; slack_render |
| secrets of a channel told in another | test_what_a_private_channel_taught_is_told_nowhere_else; \
test_another_company_is_shown_no_link_of_ours; test_hostile_people |
| unknown author | test_who_is_unknown_is_never_an_analyst |
| Accept twice, by two people | test_two_who_accept_at_once_and_twice_have_one_effect_each |
| cards of an older version | slack_incoming: test_an_unknown_card_of_an_older_version_gets_a_reply |
| expired triggers | slack_answers: test_a_refusal_to_open_a_window_is_said |
| updates of what one person sees | test_a_draft_is_shown_to_analysts_until_one_decides |
| a bad token that hangs | slack_connection: test_credentials_that_cannot_work_stop_the_start_at_once |
| a proxy in the environment | slack_connection: test_a_proxy_in_the_environment_does_not_break_loopback |
| a signed request replayed | test_a_signed_request_that_is_replayed_is_one_happening |
| unsigned, stale, malformed | slack_connection: test_forged_stale_and_malformed_requests_are_refused |
| the token sent to another host with a file | slack_files: test_a_redirect_to_another_host_is_not_followed |
| cards of the same answer at once | test_messages_that_ask_the_same_at_once_get_one_card |
| chat text read as a template | test_texts_that_look_like_templates_stay_as_they_are |
| silence after a direct question | test_a_mention_is_always_answered_with_a_card_or_a_reason |
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from tests.live.company import (
    AGAIN,
    ANSWERED,
    ASKED,
    company,
    elements,
    eventually,
    has_action,
    live,
    quiet_for,
    words_of,
)
from vigilbot.testing import HashEmbedder

# -- the way in


async def test_a_crash_after_the_acknowledgement_loses_nothing(tmp_path: Path) -> None:
    class Stuck(HashEmbedder):
        async def embed(self, texts):  # type: ignore[no-untyped-def]
            await asyncio.Event().wait()

    async with company(tmp_path) as c:
        async with c.running():
            await c.invited("support")
            await c.taught()
        crashed = c.start(asyncio.Event(), embedder=Stuck())  # takes in, and gets no further
        await eventually(lambda: c.ws.sockets)
        ts = await c.say("omar", AGAIN)
        await c.ws.settled()
        assert c.ws.sent[-1].acknowledged
        crashed.cancel()
        await asyncio.gather(crashed, return_exceptions=True)
        async with c.running():
            await eventually(lambda: c.cards(ts))


async def test_an_event_delivered_again_across_a_restart_is_no_second_question(tmp_path: Path) -> None:
    async with company(tmp_path) as c:
        async with c.running():
            await c.invited("support")
            await c.taught()
            card = await c.asked("omar", AGAIN)
            [envelope] = c.envelopes(card["thread_ts"])
            c.ws.repeat(envelope)
            await c.ws.settled()
        async with c.running():
            c.ws.repeat(envelope)
            await c.ws.settled()
            again = await c.asked("nina", AGAIN.replace("weekly", "monthly"))
            await quiet_for(0.2, lambda: len(c.all_cards()) == 2)
            assert again["thread_ts"] != card["thread_ts"]
            assert await c.count("messages WHERE text LIKE '%weekly%'") == 1


async def test_a_mention_in_a_channel_is_answered_once(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        ts = await c.say("omar", f"<@{c.ws.bot_user}> {AGAIN}", stored=True)
        await eventually(lambda: c.cards(ts))
        assert len(c.envelopes(ts)) == 2  # message and app_mention
        await quiet_for(0.3, lambda: len(c.replies(ts)) == 1)


async def test_a_preview_of_a_link_is_no_second_question(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        card = await c.asked("omar", f"{AGAIN} I read https://wiki.example.com/export")
        ts = card["thread_ts"]
        runs = await c.count("runs")
        await c.ws.unfurl(c.channels["support"], ts, {"title": "Exports", "text": "How exports work"})
        await c.ws.settled()
        await quiet_for(0.2, lambda: len(c.cards(ts)) == 1)
        assert await c.count("runs") == runs
        assert "edited" not in words_of(c.cards(ts)[0])


async def test_a_card_that_somebody_deletes_counts_against_the_answer_and_stays_away(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        card = await c.asked("omar", AGAIN)
        await c.ws.delete(c.people["omar"], c.channels["support"], card["ts"])
        await eventually(lambda: c.rows("SELECT 1 FROM answers WHERE outcome = 'withdrawn'"))
        await quiet_for(0.3, lambda: not c.cards(card["thread_ts"]))
        assert await c.known() == 1


async def test_another_bot_is_neither_customer_nor_analyst(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        ts = await c.ws.webhook(c.channels["support"], "Monitor", AGAIN)
        await eventually(lambda: c.taken(ts))
        asked = await c.say("omar", "The billing page shows ERR-7 today, what can I do about it?")
        await eventually(lambda: c.taken(asked))
        await c.ws.webhook(
            c.channels["support"], "Monitor", "ERR-7 means that the cache is full. Empty it.", thread=asked
        )
        await eventually(lambda: c.judged(asked))
        await quiet_for(0.3, lambda: not c.cards(ts))
        assert await c.known() == 1


async def test_a_reply_that_overtakes_its_question_is_read_after_it(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        before = await c.known()
        c.ws.faults.late = 1.0
        ts = await c.say("nina", ASKED)
        c.ws.faults.late = 0.0
        await c.say("sam", ANSWERED, thread=ts)
        await eventually(lambda: c.more_known(before))
        [entry] = await c.rows("SELECT question, answer FROM knowledge")
        assert "ERR-4031" in entry["question"]
        assert "token" in entry["answer"]


async def test_what_was_said_and_answered_while_the_bot_was_away_is_learned(tmp_path: Path) -> None:
    async with company(tmp_path) as c:
        async with c.running():
            await c.invited("support")
            ts = await c.say("nina", "Good morning everybody, a fine day")
            await eventually(lambda: c.taken(ts))
        c.ws.faults.deaf = True  # what is not delivered now comes again in a minute
        asked = await c.say("nina", ASKED)
        await c.say("sam", ANSWERED, thread=asked)
        c.ws.faults.deaf = False
        async with c.running():
            await eventually(lambda: c.more_known(0))
            await c.asked("omar", AGAIN)


async def test_ghost_connections_stand_in_status_and_readiness(tmp_path: Path) -> None:
    async with company(tmp_path) as c:
        c.ws.haunt(2)
        async with c.running():
            c.ws.haunt(0)
            await c.invited("support")
            assert "3 connections" in await c.typed("ada", "status")
            assert "3 connections" in " ".join((await c.readiness())["remarks"])


# -- the way out


@pytest.mark.parametrize("applied", [True, False], ids=["the post arrived", "it did not"])
async def test_a_post_whose_answer_is_lost_is_one_card(tmp_path: Path, applied: bool) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.faults.drop("chat.postMessage", applied=applied)
        ts = await c.say("omar", AGAIN)
        await eventually(lambda: c.rows("SELECT 1 FROM deliveries WHERE state = 'sent'"), within=12)
        await quiet_for(0.2, lambda: len(c.cards(ts)) == 1)
        [card] = c.cards(ts)
        assert "recorded" in await c.click("omar", card, "accept")


async def test_a_card_accepted_before_the_bot_knows_that_it_arrived_is_found_again(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.faults.drop("chat.postMessage", applied=True)
        card = await c.asked("omar", AGAIN)
        assert "recorded" in await c.click("omar", card, "accept")
        await eventually(lambda: "Accepted by Omar" in words_of(c.cards(card["thread_ts"])[0]))
        [row] = await c.rows("SELECT state, ts FROM deliveries")
        assert (row["state"], row["ts"]) == ("sent", card["ts"])


async def test_slow_down_delays_a_card_and_nothing_else(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.faults.limit("chat.postMessage", retry_after=1)
        ts = await c.say("omar", AGAIN)
        await eventually(lambda: c.cards(ts))
        assert len(c.cards(ts)) == 1


async def test_no_card_goes_out_after_an_analyst_was_faster(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        c.ws.faults.limit("chat.postMessage", retry_after=2)
        ts = await c.say("omar", AGAIN)
        await eventually(lambda: c.rows("SELECT 1 FROM deliveries WHERE last_error <> ''"))
        await c.say("sam", ANSWERED, thread=ts)
        ended = "SELECT 1 FROM deliveries WHERE state IN ('beaten_by_human', 'skipped')"
        await eventually(lambda: c.rows(ended))
        assert not c.cards(ts)


async def test_an_answer_of_any_length_is_a_card_that_slack_takes(tmp_path: Path) -> None:
    long = f"{ANSWERED} " + " ".join(f"Then check line {n} of the *log* & the <list>." for n in range(900))
    async with live(tmp_path) as c:
        await c.taught(answered=long)
        card = await c.asked("omar", AGAIN)
        assert len(json.dumps(card["blocks"])) < 40_000
        assert "write token has expired" in words_of(card)
        refused = [call for call in c.ws.calls if call.method == "chat.postMessage" and not call.answer["ok"]]
        assert not refused


async def test_two_who_accept_at_once_and_twice_have_one_effect_each(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        card = await c.asked("omar", AGAIN)
        clicks = [c.click(who, card, "accept") for who in ("omar", "sam", "omar", "sam")]
        await asyncio.gather(*clicks)
        await eventually(lambda: c.rows("SELECT 1 FROM answers WHERE outcome = 'verified'"))
        await eventually(
            lambda: c.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedback WHERE applied_at IS NULL)")
        )
        assert await c.count("feedback WHERE kind = 'accept'") == 2
        assert await c.known() == 1
        supports = await c.rows("SELECT kind, count(*) AS n FROM support GROUP BY kind ORDER BY kind")
        assert {row["kind"]: row["n"] for row in supports}["accepted_by_asker"] == 1

        def accepted() -> str:
            return words_of(c.cards(card["thread_ts"])[0])

        await eventually(lambda: "Omar, Sam" in accepted() or "Sam, Omar" in accepted())


# -- who sees what


async def test_a_signed_request_that_is_replayed_is_one_happening(tmp_path: Path) -> None:
    async with live(tmp_path, mode="http") as c:
        body = json.dumps(
            {
                "type": "event_callback",
                "team_id": c.ws.team,
                "event_id": "Ev0REPLAY",
                "event_time": 1,
                "event": {
                    "type": "message",
                    "channel": c.channels["support"],
                    "user": c.people["nina"],
                    "text": ASKED,
                    "ts": "1790000000.000100",
                },
            }
        )
        headers = c.ws.signed_headers(body)
        async with aiohttp.ClientSession() as http:
            for _ in range(2):
                async with http.post(str(c.ws.http_target), data=body, headers=headers) as answer:
                    assert answer.status == 200
        await eventually(lambda: c.taken("1790000000.000100"))
        assert await c.count("messages WHERE text LIKE 'The nightly%'") == 1


async def test_who_is_unknown_is_never_an_analyst(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        card = await c.asked("omar", AGAIN)
        c.ws.faults.fail("users.info", "user_not_found", times=3)
        stranger = c.ws.add_user("Zoe", title="Support analyst")
        c.people["zoe"] = stranger
        await c.ws.join(stranger, c.channels["support"])
        assert "Only the person who asked or an analyst" in await c.click("zoe", card, "accept")
        assert "Nothing was done" in await c.typed("zoe", "pause")
        assert await c.count("feedback") == 0


_SUMMONS = "<!channel> <!here|x> <@U0ALL> <!subteam^S01|ops> @channel @here [bank.example](https://x.example)"


async def test_nothing_that_people_write_or_are_called_summons_anybody(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        c.people["mallory"] = c.ws.add_user("<!channel> @here *Mallory*")
        await c.ws.join(c.people["mallory"], c.channels["support"])
        await c.taught(answered=f"{ANSWERED} {_SUMMONS}")
        card = await c.asked("mallory", f"{AGAIN} {_SUMMONS} https://evil.example/a")
        await c.click("mallory", card, "accept")
        await c.ws.settled()
        await eventually(lambda: "Mallory" in words_of(c.cards(card["thread_ts"])[0]))
        await c.typed("ada", f"kb search {_SUMMONS} ERR-4031 export fails")
        posted = [*c.all_cards(), *c.notices("support"), *c.ws.ephemerals(c.people["ada"])]
        assert len(posted) >= 3
        for message in posted:
            kinds = {element.get("type") for element in elements(message)}
            assert not kinds & {"user", "usergroup", "broadcast", "channel"}
            links = {element.get("url") for element in elements(message) if element.get("type") == "link"}
            assert not any("evil" in str(url) for url in links)  # a customer's
            for link in (e for e in elements(message) if e.get("type") == "link"):
                assert "bank" not in str(link.get("text")) or "bank" in link["url"]
            for element in elements(message):
                if element.get("type") == "mrkdwn":
                    assert not any(mark in element["text"] for mark in ("<!", "<@", "<http"))
            assert not any(mark in message["text"] for mark in ("<!", "<@", "<http"))


async def test_what_a_private_channel_taught_is_told_nowhere_else(tmp_path: Path) -> None:
    async with live(tmp_path, invited=("support", "secret", "shared")) as c:
        await c.taught(where="secret")
        public = await c.say("omar", AGAIN)
        shared = await c.say("eve", AGAIN, where="shared")
        await eventually(lambda: c.judged(public))
        await eventually(lambda: c.judged(shared))
        assert not [*c.all_cards(), *c.all_cards(where="shared")]
        assert not c.drafts("sam", where="shared")
        assert "know nothing" in await c.typed("ada", "kb search export ERR-4031 #support")
        private = await c.asked("omar", AGAIN, where="secret")
        assert "write token" in words_of(private)


async def test_another_company_is_shown_no_link_of_ours(tmp_path: Path) -> None:
    async with live(tmp_path, invited=("shared",), cards__internal_hosts=".corp.example") as c:
        await c.opened_to_everyone("shared")
        inside = "https://wiki.corp.example/export"
        await c.taught(where="shared", answered=f"{ANSWERED} See {inside} and https://docs.example/export")
        card = await c.asked("eve", AGAIN, where="shared")
        assert "write token" in words_of(card)
        assert "corp.example" not in json.dumps(card)
        assert "docs.example" in json.dumps(card)


async def test_the_first_question_in_a_channel_may_come_while_the_bot_is_away(tmp_path: Path) -> None:
    async with company(tmp_path) as c:
        async with c.running():
            await c.invited("support", "billing")
            await c.taught()
        c.ws.faults.deaf = True
        ts = await c.say("omar", AGAIN, where="billing")
        c.ws.faults.deaf = False
        async with c.running():
            await eventually(lambda: c.cards(ts, where="billing"))


async def test_messages_that_ask_the_same_at_once_get_one_card(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        ts = await c.say("omar", AGAIN)
        await asyncio.gather(*(c.say("omar", AGAIN, thread=ts) for _ in range(5)))
        await eventually(lambda: c.cards(ts))
        await quiet_for(0.4, lambda: len(c.cards(ts)) == 1)


async def test_texts_that_look_like_templates_stay_as_they_are(tmp_path: Path) -> None:
    odd = "Set ${HOME} to {id} and {{question}} to %s, then restart the exporter."
    async with live(tmp_path) as c:
        await c.taught(answered=f"{ANSWERED} {odd}")
        assert odd in words_of(await c.asked("omar", f"{AGAIN} It says {{{{0}}}} ${{PATH}} %d."))


async def test_a_mention_is_always_answered_with_a_card_or_a_reason(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        for text in ("", "hello", "What is the meaning of life?", "close", "why", "x" * 9000):
            ts = await c.say("omar", f"<@{c.ws.bot_user}> {text}", stored=True)
            before = len(c.told("omar"))
            await eventually(lambda ts=ts, n=before: c.replies(ts) or len(c.told("omar")) > n)  # type: ignore[misc]


async def test_a_draft_is_shown_to_analysts_until_one_decides(tmp_path: Path) -> None:
    async with live(tmp_path) as c:
        await c.taught()
        await c.typed("ada", "mode analysts")
        ts = await c.say("omar", AGAIN)
        await eventually(lambda: c.drafts("sam"))
        assert not [*c.cards(ts), *c.drafts("omar")]
        [draft] = c.drafts("sam")
        assert "in your name" in await c.click("sam", draft, "post")
        await eventually(lambda: c.cards(ts))
        await eventually(lambda: not c.drafts("sam"))
        assert "Sam" in words_of(c.cards(ts)[0])
        assert has_action(c.cards(ts)[0], "accept")
        updates = [call for call in c.ws.calls if call.method == "chat.update" and not call.answer["ok"]]
        assert not updates  # what one person sees cannot be updated that way
