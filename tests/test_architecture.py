"""The project keeps the rules of tests/architecture.py, and the rules catch what they are there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import FUNCTION_LINES, HEAVY, LAYER, MODULE_LINES, PACKAGE, mocks, sources, violations

ROOT = Path(__file__).resolve().parent.parent


def test_the_project_keeps_its_layers_sizes_and_has_no_cycles() -> None:
    found = violations(sources(ROOT / PACKAGE))
    assert not found, "\n" + "\n".join(found)


def test_every_module_and_every_layer_is_described() -> None:
    described = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    parts = {
        path.stem
        for path in (ROOT / PACKAGE).iterdir()
        if not path.name.startswith("__") and path.suffix != ".typed"
    }
    assert parts - LAYER.keys() == set()
    assert [part for part in sorted(parts) if f"`{part}`" not in described] == []


def test_tests_use_no_mocks() -> None:
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        found += mocks(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
    assert found == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['{PACKAGE}', '--help']\n"
        f"from {PACKAGE}.__main__ import main\n"
        "try:\n    main()\n"
        "finally:\n    print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    usage, _, loaded = done.stdout.rpartition("LOADED")
    assert "Usage" in usage
    assert HEAVY & set(loaded.split()) == set()


CLEAN = {
    "vigilbot": "",
    "vigilbot.domain": "from dataclasses import dataclass\n",
    "vigilbot.errors": "",
    "vigilbot.ports": "import numpy as np\nfrom vigilbot.domain import Message\n",
    "vigilbot.settings": "import yaml\nfrom vigilbot.domain import Unit\n",
    "vigilbot.ledger": "from vigilbot.ledger.rows import row\n",
    "vigilbot.ledger.rows": "from vigilbot import ports\n",
    "vigilbot.providers": "",
    "vigilbot.providers.embedder": "def load():\n    import torch\n",
    "vigilbot.pipeline": "from .rank import rank\n",
    "vigilbot.pipeline.rank": "import numpy\n",
    "vigilbot.engines": "",
    "vigilbot.engines.train_answer": "from sklearn.linear_model import LogisticRegression\n",
    "vigilbot.engines.review_training": "def fit():\n    import sklearn.svm\n",
    "vigilbot.app": "from vigilbot.settings import load\nfrom vigilbot.providers import embedder\n",
    "vigilbot.__main__": "import click\nfrom vigilbot.app import App\n",
}


CHATS = {f"vigilbot.platforms.{name}": "" for name in ("slack", "slack_links", "lark", "lark_cards")}


def test_a_clean_tree_has_no_violations() -> None:
    assert violations({**CLEAN, **CHATS}) == []


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("vigilbot.domain", "from vigilbot.ports import Clock\n", "layer 0 does not see layer 1"),
        ("vigilbot.domain", "import yaml\n", "'yaml' is not for 'domain'"),
        ("vigilbot.domain", "if TYPE_CHECKING:\n    import yaml\n", "'yaml' is not for 'domain'"),
        ("vigilbot.domain", "def late():\n    from vigilbot import app\n", "layer 0 does not see layer 9"),
        ("vigilbot", "from vigilbot.app import App\n", "imports nothing of its parts"),
        ("vigilbot.pipeline.rank", "from vigilbot.engines import x\n", "blind to each other"),
        ("vigilbot.pipeline.rank", "from ..engines import x\n", "blind to each other"),
        ("vigilbot.pipeline.rank", "import vigilbot.providers.embedder\n", "only the composing layers"),
        (
            "vigilbot.pipeline.rank",
            "from vigilbot import settings\n",
            "only the composing layers read settings",
        ),
        ("vigilbot.pipeline.rank", "import sklearn.svm\n", "'sklearn' is not for 'pipeline'"),
        ("vigilbot.pipeline.rank", "def f():\n    import torch\n", "'torch' is not for 'pipeline'"),
        (
            "vigilbot.providers.embedder",
            "from vigilbot.ledger import rows\n",
            "'providers' and 'ledger' are blind",
        ),
        ("vigilbot.providers.embedder", "from vigilbot.settings import load\n", "does not see 'settings'"),
        ("vigilbot.providers.embedder", "import chromadb\n", "'chromadb' is not for 'providers'"),
        (
            "vigilbot.platforms.lark_cards",
            "from vigilbot.platforms.slack_links import openable\n",
            "what is of lark is blind to what is of slack",
        ),
        ("vigilbot.platforms.slack", "from vigilbot.platforms import lark\n", "is blind to what is of lark"),
        ("vigilbot.workspace.page", "from vigilbot.domain import Message\n", "knows nothing of the core"),
        ("vigilbot.workspace.page", "import click\n", "'click' is not for 'workspace'"),
        ("vigilbot.surprise", "", "has no layer"),
        ("vigilbot.ledger", "from vigilbot.surprise import x\n", "'surprise' has no layer"),
        (
            "vigilbot.ledger.rows",
            "import vigilbot.ledger\n",
            "cycle: vigilbot.ledger -> vigilbot.ledger.rows",
        ),
        ("vigilbot.ledger.rows", "def f():\n    from vigilbot.ledger import row\n", "cycle: "),
        ("vigilbot.ledger.rows", "import vigilbot.ledger.rows\n", "cycle: vigilbot.ledger.rows"),
        (
            "vigilbot.providers.embedder",
            "import torch\n",
            "vigilbot.app -> vigilbot.providers.embedder imports torch",
        ),
        (
            "vigilbot.providers",
            "try:\n    import litellm\nexcept ImportError:\n    pass\n",
            "imports litellm",
        ),
        ("vigilbot.errors", "x = 1\n" * (MODULE_LINES + 1), f"more than {MODULE_LINES}"),
        (
            "vigilbot.errors",
            "async def f():\n" + "    x = 1\n" * FUNCTION_LINES,
            f"f has {FUNCTION_LINES + 1}",
        ),
        ("vigilbot.errors", "class C:\n    def m(self):\n" + "        1\n" * 60, "m has 61 lines"),
    ],
)
def test_a_planted_violation_is_found(module: str, text: str, said: str) -> None:
    found = violations({**CLEAN, **CHATS, module: text})
    assert any(said in line for line in found), found


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("vigilbot.app", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import vigilbot.app\n"),
        ("vigilbot.errors", "x = 1\n" * MODULE_LINES),
        ("vigilbot.errors", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)),
        ("vigilbot.platforms.lark_cards", "from vigilbot.platforms.links import openable\n"),
        ("vigilbot.app", "from vigilbot.platforms.slack import SlackAdapter\n"),
        ("vigilbot.evals.gold", "from vigilbot.platforms.replay import Export\n"),
    ],
)
def test_what_is_allowed_is_not_found(module: str, text: str) -> None:
    below = {
        "vigilbot.platforms": "",
        "vigilbot.platforms.links": "",
        "vigilbot.platforms.replay": "",
        "vigilbot.platforms.slack": "",
        "vigilbot.evals": "",
    }
    assert violations({**CLEAN, **below, module: text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "import unittest.mock\n",
        "from unittest import mock\n",
        "from unittest.mock import MagicMock\n",
        "import mock\n",
        "def test(mocker):\n    pass\n",
    ],
)
def test_a_mock_is_found(text: str) -> None:
    assert mocks("tests/x.py", text)
    assert mocks("tests/x.py", "import unittest\nfrom vigilbot.testing import World\n") == []
