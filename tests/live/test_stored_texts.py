"""What must not be stored is not, in no byte of the ledger's files; and what was stored goes in its time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.live.company import ANSWERED, ASKED, Company, company, eventually, live
from vigilbot.app import LEDGER
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Statement
from vigilbot.providers.clock import SystemClock

KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
PASSWORD = "Blau2wal-9"


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{LEDGER}*")))


async def told_secrets(c: Company) -> None:
    """In a question, an answer, an edit, a question to the bot, and a command."""
    ts = await c.say("nina", f"{ASKED} We use the key {KEY}, our password: {PASSWORD}")
    await eventually(lambda: c.taken(ts))
    await c.say("sam", f"{ANSWERED} The key {KEY} is the old one, write to help@example.com", thread=ts)
    await c.ws.edit(
        c.people["nina"], c.channels["support"], ts, f"{ASKED} The key {KEY} with password: {PASSWORD}!"
    )
    asked = await c.say("omar", f"<@{c.ws.bot_user}> is {KEY} the old key?")
    await c.typed("ada", f"kb search {KEY}")
    await eventually(lambda: c.known())
    await eventually(lambda: c.replies(asked))


async def test_keys_and_passwords_are_not_stored(tmp_path: Path) -> None:
    async with live(tmp_path / "data") as c:
        await told_secrets(c)
        kept = everything(tmp_path / "data")
        assert KEY.encode() not in kept
        assert PASSWORD.encode() not in kept
        assert b"REDACTED:aws-access-key" in kept
        assert b"help@example.com" in kept, "where to write is part of the answer"
    assert KEY.encode() not in everything(tmp_path / "data")


async def test_an_operator_may_have_messages_stored_as_they_are(tmp_path: Path) -> None:
    async with live(tmp_path / "data", data__redact="no") as c:
        await told_secrets(c)
        assert KEY.encode() in everything(tmp_path / "data")
        [row] = await c.rows("SELECT answer FROM knowledge WHERE valid_to IS NULL")
        assert KEY not in row["answer"], "what is learned never holds one"


@pytest.mark.parametrize(("age", "left"), [("1s", 0), ("90d", 2), ("0s", 2)])
async def test_a_running_bot_removes_what_is_older_than_it_may_keep(
    tmp_path: Path, age: str, left: int
) -> None:
    """On-calls of which the last message is a day old: the ledger of a bot that was stopped for a night."""
    async with company(tmp_path / "data", retention__messages=age, retention__traces=age) as c:
        async with c.running():
            await c.invited("support")
            await c.taught()
            await c.ledger.write(*closed_a_day_ago())
        async with c.running():
            await eventually(lambda: c.count("upkeep WHERE ran_at IS NOT NULL"))
            texts = await c.rows("SELECT text FROM messages WHERE text != '' AND role != 'bot'")
            assert len(texts) == left
            assert await c.known() == 1


def closed_a_day_ago() -> list[Statement]:
    """As it is after twelve hours of silence and a day."""
    return [
        Statement(
            "UPDATE oncalls SET state = 'closed', closed_at = last_at, close_at = NULL, run_at = NULL, "
            "learn_at = NULL, last_at = :at",
            {"at": stamp(SystemClock().now() - timedelta(days=1))},
        ),
        Statement("UPDATE deliveries SET refresh_at = NULL, state = 'sent'", {}),
        Statement("DELETE FROM upkeep", {}),
    ]
