"""`vigilbot status`: read from a ledger that a bot is using."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from vigilbot.__main__ import root
from vigilbot.app import open_ledger
from vigilbot.ledger import Chats, Runs
from vigilbot.ledger.rows import pack, stamp
from vigilbot.providers.clock import SystemClock


async def test_what_is_going_on_and_that_the_model_is_away(tmp_path: Path) -> None:
    ledger = await open_ledger(tmp_path)
    now = stamp(SystemClock().now())
    common = {"tenant": "T", "oncall": "T/C/1"}
    try:
        await ledger.write(
            Chats.put_oncall(
                id="T/C/1", tenant="T", channel="C", thread="1", state="open", opened_at=now, last_at=now
            ),
            *(
                Runs.put(
                    "runs",
                    **common,
                    id=name,
                    purpose="customer",
                    at=now,
                    through=now,
                    triggers="[]",
                    scope="within",
                    within=0.9,
                    result="abstained",
                    mode="everyone",
                    trace=pack(trace),
                )
                for name, trace in (("R1", {}), ("R2", {"fallbacks": ["answer: no model answered"]}))
            ),
            Runs.put(
                "model_calls",
                **common,
                channel="C",
                stage="answer",
                model="openai/m",
                at=now,
                ms=5.0,
                tokens_in=10,
                tokens_out=0,
                cost=None,
                cached=0,
                error="timed out",
            ),
        )
        told = CliRunner().invoke(root, ["status", "--data", str(tmp_path)])
        figures = CliRunner().invoke(root, ["status", "--data", str(tmp_path), "--json"])
    finally:
        await ledger.close()
    assert told.exit_code == 0, told.output
    assert "1 open" in told.output
    assert "2, 1 without the model (last: answer: no model answered)" in told.output
    assert "1 requests, 1 failed (timed out)" in told.output
    assert json.loads(figures.output)["runs"]["fell_back"] == 1


def test_no_ledger_is_said_in_one_line(tmp_path: Path) -> None:
    told = CliRunner().invoke(root, ["status", "--data", str(tmp_path)])
    assert told.exit_code == 2
    assert "no ledger" in told.output
    assert not list(tmp_path.iterdir())
