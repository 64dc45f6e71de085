"""Breaker, schema, kept replies and the environment of litellm, without HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from vigilbot.errors import BadInput
from vigilbot.providers.breaker import Breaker, BreakerState
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.llm import Failure, Reply, Request, Why
from vigilbot.providers.llm_cache import CachedReplies, digest
from vigilbot.providers.models import schema_of
from vigilbot.testing.world import BEGIN

REQUEST = Request(
    stage="answer",
    model="openai/a",
    messages=[{"role": "user", "content": "a \u2028 b"}],
    schema={"type": "object"},
    max_tokens=10,
)
REPLY = Reply(
    text='{"a": "x\u2028y"}', finish="stop", refusal="", tokens_in=3, tokens_out=2, cost=0.1, ms=12.5
)


class Inner(BaseModel):
    title: str = Field(default="", max_length=5)


class Outer(BaseModel):
    rows: list[Inner] = []
    share: float = Field(ge=0, le=1)


def test_a_schema_is_strict() -> None:
    schema = schema_of(Outer)
    assert schema["required"] == ["rows", "share"]
    assert schema["additionalProperties"] is False
    inner = schema["$defs"]["Inner"]
    assert (inner["required"], inner["additionalProperties"]) == (["title"], False)
    assert inner["properties"]["title"] == {"type": "string"}
    assert schema["properties"]["share"] == {"type": "number"}


def test_a_breaker() -> None:
    clock = SimulatedClock(BEGIN)
    breaker = Breaker(failures=2, cool_down=timedelta(seconds=10), clock=clock)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.enter()  # not two in a row
    breaker.failed()
    assert (breaker.state, breaker.enter()) == (BreakerState.OPEN, False)
    clock.advance_to(BEGIN + timedelta(seconds=10))
    assert breaker.enter()
    assert not breaker.enter()  # somebody is trying
    breaker.left()
    assert breaker.enter()
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
    clock.advance_to(BEGIN + timedelta(seconds=20))
    assert breaker.enter()
    breaker.succeeded()
    assert (breaker.state, breaker.until, breaker.enter()) == (BreakerState.CLOSED, None, True)
    breaker.failed(for_good=True)
    assert breaker.state is BreakerState.OPEN


class Counting:
    def __init__(self, reply: Reply = REPLY) -> None:
        self.sent = 0
        self.reply: Reply | None = reply

    async def __call__(self, request: Request) -> Reply:
        self.sent += 1
        if self.reply is None:
            raise Failure(Why.NETWORK, "gone")
        return self.reply


async def test_replies_are_kept_by_content(tmp_path: Path) -> None:
    path, send = tmp_path / "replies.jsonl", Counting()
    first = CachedReplies.open(path, send)
    assert not path.exists()
    assert (await first.send(REQUEST)).cached is False
    assert (await first.send(REQUEST)).cached is True
    other = Request(stage="answer", model="openai/b", messages=REQUEST.messages, schema=None, max_tokens=10)
    await first.send(other)
    first.close()
    assert (send.sent, first.hits, first.misses) == (2, 1, 2)
    assert path.stat().st_mode & 0o077 == 0
    again = CachedReplies.open(path, Counting())
    kept = await again.send(REQUEST)
    assert (kept.text, kept.tokens_in, kept.cost, kept.ms, kept.cached) == (REPLY.text, 3, 0.1, 12.5, True)
    assert again.misses == 0
    assert "content" not in path.read_text()


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    send = Counting()
    send.reply = None
    cache = CachedReplies.open(tmp_path / "r.jsonl", send)
    for _ in range(2):
        with pytest.raises(Failure):
            await cache.send(REQUEST)
    assert send.sent == 2


async def test_an_interrupted_line_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    cache = CachedReplies.open(path, Counting())
    await cache.send(REQUEST)
    cache.close()
    path.write_text(path.read_text() + '{"request": "abc", "te')
    cut = CachedReplies.open(path, Counting())
    other = Request(stage="x", model="m", messages=[], schema=None, max_tokens=1)
    await cut.send(other)
    cut.close()
    whole = CachedReplies.open(path, Counting())
    await whole.send(REQUEST)
    await whole.send(other)
    assert whole.misses == 0


@pytest.mark.parametrize("text", ["{}\n{}\n", "nonsense\nmore\n", '[1]\n{"request": "a"}\n'])
def test_a_file_that_is_something_else(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"r.jsonl:1: is not a kept reply. Name a file that --cache wrote"):
        CachedReplies.open(path, Counting())
    assert path.read_text() == text


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its folder does not exist"):
        CachedReplies.open(tmp_path / "no" / "r.jsonl", Counting())


def test_a_digest_is_of_everything_that_decides() -> None:
    same = Request(
        stage="other", model="openai/a", messages=REQUEST.messages, schema={"type": "object"}, max_tokens=10
    )
    assert digest(REQUEST) == digest(same)
    hotter = Request(stage="answer", model="openai/a", messages=REQUEST.messages, schema=None, max_tokens=10)
    assert digest(REQUEST) != digest(hotter)


def test_litellm_reads_no_file_and_no_network(tmp_path: Path) -> None:
    """In a process of its own: a .env file is left alone, and nothing is connected to while importing."""
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-a-file\n")
    script = (
        "import asyncio, os, socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('a connection was made')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from vigilbot.providers.llm import open_litellm\n"
        "library = asyncio.run(open_litellm(api_bases={}, seconds=1))\n"
        "from vigilbot.errors import BadSettings\n"
        "for name in ('openai/gpt-4o', 'nonsense'):\n"
        "    try: library.check(name)\n"
        "    except BadSettings as error: print(error)\n"
        "print(os.environ.get('OPENAI_API_KEY'))\n"
    )
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=bare, capture_output=True, text=True, check=True
    )
    assert "openai/gpt-4o needs OPENAI_API_KEY in the environment. Set it, or" in done.stdout
    assert "'nonsense' names no known provider. Write provider/model" in done.stdout
    assert done.stdout.rstrip().endswith("None")
