"""A backup taken beside the running bot, restored elsewhere: the same questions get the same cards."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from tests.live.company import AGAIN, company, eventually, words_of
from vigilbot.app import INDEX, LEDGER

LOGS = "Where are the audit logs of the exporter stored on the appliance?"
STORED = "The audit logs of the exporter are in /var/log/exporter, one file a day."


async def vigilbot(*args: str) -> tuple[int, str, str]:
    """A command as an operator calls it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vigilbot",
        *args,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


async def test_a_restored_ledger_answers_the_same_on_another_machine(tmp_path: Path) -> None:
    here, there, copy = tmp_path / "here", tmp_path / "there", tmp_path / "copy.db"
    chroma = {"retrieval__index": "chroma", "retrieval__chroma_from": "1"}
    async with company(here, **chroma) as c:
        async with c.running():
            await c.invited("support")
            await c.taught()
            await c.taught(asked=LOGS, answered=STORED)
            code, told, _ = await vigilbot("backup", str(copy), "--data", str(here))
            assert (code, "2 entries in force" in told) == (0, True), told
            code, _, error = await vigilbot("restore", str(copy), "--data", str(here), "--yes")
            assert code == 2
            assert "another process uses this ledger" in error
            before = [words_of(await c.asked("omar", text)) for text in (AGAIN, LOGS)]
        shutil.rmtree(here)
        code, told, error = await vigilbot("restore", str(copy), "--data", str(there), "--yes")
        assert code == 0, error
        assert sorted(path.name for path in there.iterdir()) == [LEDGER, f"{LEDGER}.lock"]
        c.folder = there
        async with c.running():
            await eventually(lambda: (there / INDEX).exists())
            after = [words_of(await c.asked("omar", text)) for text in (AGAIN, LOGS)]
        assert "ERR-4031 means" in before[0]
        assert "/var/log/exporter" in before[1]
        assert after == before
