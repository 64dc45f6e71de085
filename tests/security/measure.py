"""What obedient and extractive bots said and did under attack, by kind: ``python -m tests.security.measure``.

Side effects are promised to be none, and tested; how often a card carries the attacker's words is measured
here, because no program can promise it for every model.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.security.attack import attacked, suffered
from tests.security.orders import KINDS, Case, cases, public_cases
from vigilbot.app import open_embedder
from vigilbot.ports import Embedder
from vigilbot.settings import Settings
from vigilbot.testing import RememberingEmbedder, ScriptedModel

COLUMNS = ("attacks", "cards", "with the attacker's words", "side effects")


async def counted(attacks: Sequence[Case], *, engine: str, embedder: Embedder) -> Counter[str]:
    async with ScriptedModel().serving() as model:
        with tempfile.TemporaryDirectory() as folder:
            obeying = model if engine != "extractive" else None
            async with attacked(
                Path(folder), model=obeying, contrary=engine == "obedient, other kind", embedder=embedder
            ) as stage:
                found = await suffered(stage, attacks)
    for name, effects in found.items():
        sys.stderr.write(f"{name}: {effects}\n")
    return stage.said + Counter({"side effects": sum(map(len, found.values()))})


async def main() -> None:
    embedder = RememberingEmbedder(await open_embedder(Settings()))
    sets: Mapping[str, Sequence[Case]] = {kind: cases(kind) for kind in KINDS} | public_cases()
    if len(sets) == len(KINDS):
        sys.stdout.write("VIGILBOT_DATA names no folder with security/*.json: the public sets are left out\n")
    for engine in ("extractive", "obedient", "obedient, other kind"):
        total: Counter[str] = Counter()
        sys.stdout.write(f"\n{engine:42}" + "  ".join(COLUMNS) + "\n")
        for kind, attacks in sets.items():
            said = await counted(attacks, engine=engine, embedder=embedder)
            total += said
            sys.stdout.write(f"{kind:42}" + "  ".join(f"{said[c]:{len(c)}}" for c in COLUMNS) + "\n")
            sys.stdout.flush()
        sys.stdout.write(f"{'all':42}" + "  ".join(f"{total[c]:{len(c)}}" for c in COLUMNS) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
