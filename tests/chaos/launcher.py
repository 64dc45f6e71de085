"""Starts `vigilbot run` again and again in little time: a process that has imported everything and forks.

What is forked is a process of its own that begins with the command line, as every start does, and is killed
like any. Only the imports are done already: they are most of a start, and the least of what may go wrong.

One line of JSON in: ``env``, ``log``, and what is to befall it (``befalls``, see tests/chaos/befalling.py).
One line out with its ``pid``, and one with its ``code`` when it has ended: exit code, or minus the signal.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from typing import Any

EARLY = (
    "vigilbot.__main__",
    "vigilbot.cli.run",
    "vigilbot.engine",
    "vigilbot.providers.clock",
    "vigilbot.providers.embedder",
    "vigilbot.providers.llm",
    "vigilbot.providers.llm_cache",
    "vigilbot.providers.models",
    "vigilbot.reading",
    "vigilbot.serve.slack",
    "vigilbot.stores.exact",
    "tests.chaos.befalling",
    "litellm",
)


def main() -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # as vigilbot.providers.llm sets it
    for name in EARLY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # else every child looks at all of it, and copies it
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            live(asked)
        tell(pid=pid)
        _, status = os.waitpid(pid, 0)
        tell(code=os.waitstatus_to_exitcode(status))


def live(asked: dict[str, Any]) -> None:
    """The child: never returns."""
    code: object = 70
    try:
        sink = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in ((0, nothing), (1, sink), (2, sink)):
            os.dup2(target, number)
        os.environ.update(asked["env"])
        sys.argv = ["vigilbot", "run"]
        from tests.chaos.befalling import befall
        from vigilbot.__main__ import main as run

        befall(**asked["befalls"])
        run()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def tell(**values: int) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
