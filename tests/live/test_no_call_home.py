"""Nothing is told to anybody: the real process connects to no host but those that it is configured for.

Every Python process that the bot starts reports each address it looks up, connects to or sends to, and
which it was refused: what nobody configured is refused, and recorded.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.live.company import AGAIN, ANSWERED, company, eventually
from tests.live.process import process
from vigilbot.serve.flow import MODEL_HOSTS, data_flow
from vigilbot.testing import ScriptedModel
from vigilbot.testing.model import Answered, Asked

WORD = "quokkable"
"""Stands in everything that people write."""

WATCH = """
import os, sys

def look(event, args, target=os.environ["WATCH_SEEN"], allowed=os.environ["WATCH_ALLOWED"].split()):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[-1]
        if not isinstance(address, tuple):
            return
        place = f"{address[0]}:{address[1]}"
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host, port = args[0], args[1] if len(args) > 1 else ""
        place = f"{host.decode() if isinstance(host, bytes) else host}:{port}"
    else:
        return
    known = place in allowed or place.startswith(("None:", "127.0.0.1:0", ":0"))
    line = f"{'allowed' if known else 'refused'} {event} {place}\\n"
    log = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, line.encode())
    os.close(log)
    if not known:
        raise OSError(f"{place} is not configured")

sys.addaudithook(look)
"""
"""As sitecustomize, it is imported by every Python process before anything else."""

EVERYTHING = """
import asyncio, importlib, os, pkgutil, sys, tempfile, warnings
from pathlib import Path
import vigilbot
for module in pkgutil.walk_packages(vigilbot.__path__, "vigilbot."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

async def opened():
    from vigilbot.app import open_embedder
    from vigilbot.providers.llm import open_litellm
    from vigilbot.settings import Settings
    from vigilbot.stores.chroma import ChromaIndex
    embedder = await open_embedder(Settings())
    vectors = await embedder.embed(["a text"])
    with tempfile.TemporaryDirectory() as folder:
        index = await ChromaIndex.open(Path(folder) / "index")
        await index.put(["K"], ["S"], vectors)
        await index.search(vectors[0], spaces=["S"], limit=1)
        await index.close()
    library = await open_litellm(api_bases={}, seconds=5)
    for model in sys.argv[1:]:
        with Path(os.environ["WATCH_SEEN"]).open("a") as seen:
            seen.write(f"asks {model}\\n")
        try:
            await library._library.acompletion(
                model=f"{model}/some-model", api_key="none", messages=[{"role": "user", "content": "-"}],
                max_retries=0, num_retries=0,
            )
        except Exception:
            pass

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    asyncio.run(opened())
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watch")
    (folder / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", f"{folder}:{Path(__file__).resolve().parents[2]}")
        yield Watched(folder=folder, patch=patch)


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """An environment in which every Python process reports; ``folder`` is thrown away."""

    folder: Path
    patch: pytest.MonkeyPatch

    def to(self, name: str, *allowed: str) -> Path:
        """From now on processes report to this file."""
        seen = self.folder / name
        seen.touch()
        self.patch.setenv("WATCH_SEEN", str(seen))
        self.patch.setenv("WATCH_ALLOWED", " ".join(allowed))
        return seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Lived:
    """What a bot did that ran for a while: where it connected to, and its log."""

    configured: frozenset[str]  # host:port
    told: frozenset[str]  # the hosts that the data flow names
    allowed: frozenset[str]
    refused: frozenset[str]
    log: str


def places(seen: Path, kind: str) -> set[str]:
    lines = [line.split() for line in seen.read_text(encoding="utf-8").splitlines()]
    return {line[-1] for line in lines if line[0] == kind}


@pytest.fixture(scope="module")
def lived(watched: Watched) -> Lived:
    return asyncio.run(life(watched))


async def life(watched: Watched) -> Lived:
    """With all that might call home: the embedding model, Chroma, a language model, the web's fetcher."""

    async def echo(asked: Asked) -> Answered:
        """Complains, and quotes what it was sent; or says what nobody asked for."""
        heard = f"cannot read {asked.text}"
        return Answered(status=400, text=heard) if len(model.asked) % 2 else Answered(text=heard)

    folder = watched.folder / "bot"
    async with (
        ScriptedModel(player=echo).serving() as model,
        company(
            folder / "data",
            embedder__model="all-MiniLM-L6-v2",
            retrieval__index="chroma",
            retrieval__chroma_from="1",
            engine__kind="model",
            model__models="openai/scripted",
            model__api_base=json.dumps({"*": model.url}),
            log__form="json",
        ) as c,
    ):
        configured = [url.split("/")[2] for url in (model.url, c.ws.api_url)]
        seen = watched.to("running", *configured)
        async with process(c) as bot:
            folder.mkdir(exist_ok=True)
            await bot.start()
            await eventually(lambda: c.ws.sockets, within=60)
            await c.ws.invite(c.channels["support"], by=c.people["ada"])
            await eventually(lambda: c.notices("support"), within=60)
            ts = await c.say("nina", f"{AGAIN} {WORD}")
            await eventually(lambda: len(model.asked) > 2, within=60)
            await c.say("sam", f"{ANSWERED} {WORD} https://pages.example.com/{WORD}", thread=ts)
            await c.say("omar", f"<@{c.ws.bot_user}> {WORD} does the {AGAIN}")
            await c.typed("ada", f"kb search {WORD}")
            await eventually(lambda: "pages.example.com" in seen.read_text(), within=60)
            await eventually(lambda: "run R" in (folder / "process.log").read_text(), within=60)
            assert await bot.end(SIGTERM) == 0
        return Lived(
            configured=frozenset(configured),
            told=frozenset(each.host for each in data_flow(c.settings(), {}).leaves),
            allowed=frozenset(places(seen, "allowed")),
            refused=frozenset(places(seen, "refused")),
            log=(folder / "process.log").read_text(encoding="utf-8"),
        )


def test_nothing_is_connected_to_by_importing_and_opening_everything(watched: Watched) -> None:
    """And a language model is asked at the host that the data flow names, by the real library."""
    asked = ("openai", "anthropic", "gemini", "mistral", "openrouter", "ollama_chat")
    seen = watched.to("importing")
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING, *asked], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    before, *each = seen.read_text(encoding="utf-8").split("asks ")
    assert before == ""
    assert len(each) == len(asked)
    for part in each:
        provider, *lines = part.splitlines()
        called = {line.split()[-1].rpartition(":")[0] for line in lines}
        assert called == set(MODEL_HOSTS[provider]), part


def test_a_running_bot_connects_to_nobody_but_its_chat_and_its_model(lived: Lived) -> None:
    hosts = {place.rpartition(":")[0] for place in lived.refused}
    assert hosts == {"pages.example.com"}, "the page that an analyst linked to"
    assert lived.configured <= lived.allowed
    assert lived.configured <= lived.told


def test_no_word_of_what_people_wrote_is_in_the_log(lived: Lived) -> None:
    """Not even of what a provider quotes when it complains, nor of a link."""
    assert WORD not in lived.log
    lines = [json.loads(line) for line in lived.log.splitlines() if line.startswith("{")]
    runs = [line for line in lines if "run" in line]
    assert runs
    assert all(line["oncall"].count("/") == 2 and line["run"] in line["message"] for line in runs)
    failed = [line for line in lines if "language model fails" in line["message"]]
    assert all("ModelUnavailable" in line["message"] and line["oncall"] for line in failed)
    assert failed
