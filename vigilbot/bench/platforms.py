"""The same questions in Slack and in Lark, in one run: from the end of the quiet time to the card."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from vigilbot.app import open_embedder
from vigilbot.bench import Demand, Part, Progress, Section, spread
from vigilbot.bench.asking import Questions, Waited
from vigilbot.bench.lark_stage import TENANT
from vigilbot.bench.live import Live, live, settings_for, stage, stocked
from vigilbot.providers.clock import SystemClock
from vigilbot.serve.lark import LarkSecrets, lark_chat
from vigilbot.serve.named import Named

ENTRIES = 500
CHATS = 20
WARM, ASKED, PAUSE = 10, 40, 0.4
OTHERS = 200  # the first question in Lark: what was asked in Slack has its vectors already


async def measure(progress: Progress) -> list[Section]:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
        async with stage("workspace", CHATS) as (people, slack):
            settings = settings_for(slack, Path(folder) / "slack")
            embedder = await open_embedder(settings)
            await stocked(settings.data.dir, ENTRIES, tenant=slack["team"])
            await people.ask("open", target=None)
            async with live(settings, slack, embedder=embedder) as bot:
                in_slack = await _asked(bot, Questions(people), "Slack", progress)
        async with stage("tenant", CHATS, module="vigilbot.bench.lark_stage") as (people, lark):
            settings = settings_for(
                {"api": "http://127.0.0.1/api/"},
                Path(folder) / "lark",
                **{"lark.base_url": lark["url"], "platform.connect": "lark"},
            )
            await stocked(settings.data.dir, ENTRIES, tenant=TENANT)
            await people.ask("open")
            secrets = LarkSecrets(app_id=lark["id"], app_secret=lark["secret"], encrypt_key="", token="")
            chat = lark_chat(settings, secrets, Named(platform="lark"), clock=SystemClock())
            async with live(settings, {}, embedder=embedder, chat=chat) as bot:
                in_lark = await _asked(bot, Questions(people, first=OTHERS), "Lark", progress)
    figures = spread(
        "card in Lark",
        in_lark.waits,
        unit="ms",
        baseline=in_slack.waits,
        against="the same in Slack",
        demands={50: Demand(limit=1.10)},
        demand_on_ratio=True,
    )
    section = Section(
        part=Part.LATENCY,
        title="Slack and Lark beside each other",
        ran_on=f"{ENTRIES} made entries, {ASKED} questions each, one every {PAUSE:g} s, extractive engine, "
        "Socket Mode and long connection.",
        figures=tuple(figures),
        seconds=time.perf_counter() - began,
    )
    return [section]


async def _asked(bot: Live, questions: Questions, where: str, progress: Progress) -> Waited:
    while await bot.parts.told.fill():  # what a bot computes ahead after an import is no part of this
        pass
    with progress.phase(f"Quiet time to card in {where}", WARM + ASKED) as step:
        await questions.ask("single", count=WARM, pause=PAUSE / 2, beside=0)
        step(WARM)
        waited = await questions.ask("single", count=ASKED, pause=PAUSE, beside=0)
        step(ASKED)
    return waited
