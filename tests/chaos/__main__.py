"""`make chaos`: a bot killed a thousand times while people use it, and what came of it, added up.

    python -m tests.chaos [--kills 1000] [--events 5000] [--seed 1] [--worlds 4] [--keep FOLDER]

Several worlds, each a workspace with a bot and a ledger, live side by side and share the kills. The folder
gets for each its history (history.jsonl), its ledger and the process's log. Exit code 1 when anything was
lost or is there twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.crash_points import POINTS
from tests.chaos.lives import Plan, lived

SHOWN = (
    "kills",
    "at points",
    "events",
    "asked",
    "answered",
    "clicked",
    "edited",
    "deleted",
    "closed",
    "sent again",
    "sent again though acknowledged",
    "api calls",
    "connections dropped",
    "of them applied",
    "told to slow down",
    "internal errors",
)


def plan_of(args: argparse.Namespace, world: int) -> Plan:
    return Plan(
        seed=1000 * args.seed + world,
        lives=args.kills // args.worlds + (world < args.kills % args.worlds),
        events=args.events // args.worlds + (world < args.events % args.worlds),
    )


async def one_world(args: argparse.Namespace) -> None:
    """In a process of its own: tells how far it is, and in the end what came of it."""
    folder = Path(args.keep) / f"world-{args.world}"
    outcome = await lived(folder, plan_of(args, args.world), progress=lambda text: tell(progress=text))
    tell(
        counts=dict(outcome.counts),
        struck=dict(outcome.struck),
        violations=outcome.violations,
        seconds=outcome.seconds,
    )


def tell(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def watched(args: argparse.Namespace, world: int) -> dict[str, Any]:
    """One world from outside: its last word."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos", "--world", str(world), "--keep", args.keep),
        *("--seed", str(args.seed), "--kills", str(args.kills), "--events", str(args.events)),
        *("--worlds", str(args.worlds)),
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdout is not None
    last: dict[str, Any] = {
        "violations": [f"world {world} ended without a result"],
        "counts": {},
        "struck": {},
    }
    said = time.perf_counter()
    async for line in process.stdout:
        word = json.loads(line)
        if "progress" not in word:
            last = word
        elif time.perf_counter() - said > 10:
            said = time.perf_counter()
            show(f"world {world}: {word['progress']}")
    await process.wait()
    return last


async def all_worlds(args: argparse.Namespace) -> int:
    began = time.perf_counter()
    show(
        f"seed {args.seed}: {args.kills} kills and {args.events} events in {args.worlds} worlds, {args.keep}"
    )
    results = await asyncio.gather(*(watched(args, world) for world in range(args.worlds)))
    counts: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    for result in results:
        counts.update(result["counts"])
        struck.update(result["struck"])
    violations = [f"world {n}: {line}" for n, r in enumerate(results) for line in r["violations"]]
    for name in SHOWN:
        show(f"{counts[name]:8}  {name}")
    show(
        f"{len(struck):8}  of {len(POINTS)} points struck; not: {', '.join(POINTS.keys() - struck) or 'none'}"
    )
    show(f"{len(violations):8}  violations, {time.perf_counter() - began:.0f} s")
    for line in violations:
        show(line)
    summary = {"seed": args.seed, "counts": counts, "struck": struck, "violations": violations}
    (Path(args.keep) / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    if violations:
        again = f"make chaos SEED={args.seed} KILLS={args.kills} EVENTS={args.events}"
        show(f"The same people, faults and deaths again: {again}. Times differ. Histories: {args.keep}")
    return 1 if violations else 0


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    for name, default in (("kills", 1000), ("events", 5000), ("seed", 1), ("worlds", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--keep", default="")
    parser.add_argument("--world", type=int, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args(given)
    args.keep = args.keep or tempfile.mkdtemp(prefix="chaos-")
    if args.world is None:
        return asyncio.run(all_worlds(args))
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # of a caller that was killed
    asyncio.run(one_world(args))
    return 0


if __name__ == "__main__":
    sys.exit(main())
