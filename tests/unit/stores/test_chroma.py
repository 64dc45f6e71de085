"""Generations of Chroma: which are taken up again, which are thrown away, and what a failure costs."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC240, ASYNC251  a test may block its own loop, and poll

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from vigilbot.errors import IndexFailed
from vigilbot.ports import Vector
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.generation import left_behind
from vigilbot.stores.generational import GenerationalIndex

WIDTH = 16


def vectors(count: int, *, seed: int = 0) -> Vector:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    unit: Vector = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


async def sealed(folder: Path, content: str, count: int = 3000) -> None:
    """A generation as a clean shutdown leaves it, its graph on the disk (sync_threshold is 2,000)."""
    index = await ChromaIndex.open(folder)
    await index.put([f"k{n}" for n in range(count)], ["s"] * count, vectors(count))
    await index.seal(content)


async def size_when_opened(folder: Path, content: str) -> int:
    index = await ChromaIndex.open(folder, content=content)
    size = await index.count()
    await index.close()
    return size


async def test_a_clean_generation_is_taken_up_once(tmp_path: Path) -> None:
    await sealed(tmp_path, "abc", 200)
    index = await ChromaIndex.open(tmp_path, content="abc")
    assert not (tmp_path / "clean.json").exists()
    assert await index.count() == 200
    [hit] = await index.search(vectors(200)[7], spaces=["s"], limit=1)
    assert hit.key == "k7"
    await index.close()
    assert await size_when_opened(tmp_path, "abc") == 0
    assert list(tmp_path.glob("generation-*")) == []


def _forget_marker(folder: Path) -> None:
    (folder / "clean.json").unlink()


def _garble_marker(folder: Path) -> None:
    (folder / "clean.json").write_text('{"generation": ')


def _foreign_marker(folder: Path) -> None:
    record = json.loads((folder / "clean.json").read_text())
    (folder / "clean.json").write_text(json.dumps({**record, "chromadb": "0.0.1"}))


def _delete_files(folder: Path) -> None:
    for generation in folder.glob("generation-*"):
        shutil.rmtree(generation)


def _truncate_graph(folder: Path) -> None:
    for file in folder.rglob("*.bin"):
        os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize(
    "harm", [_forget_marker, _garble_marker, _foreign_marker, _delete_files, _truncate_graph]
)
async def test_any_other_generation_is_thrown_away(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    await sealed(tmp_path, "abc", 200)
    harm(tmp_path)
    assert await size_when_opened(tmp_path, "abc") == 0


async def test_a_generation_of_other_contents_is_thrown_away(tmp_path: Path) -> None:
    await sealed(tmp_path, "abc", 50)
    assert await size_when_opened(tmp_path, "abd") == 0


async def test_a_graph_that_kills_its_reader_kills_only_a_child(tmp_path: Path) -> None:
    """Damage that size and time do not show; reading it ends in a segmentation fault."""
    await sealed(tmp_path, "abc")
    graph = list(tmp_path.rglob("*.bin"))
    assert graph
    for file in graph:
        state = file.stat()
        file.write_bytes(random.Random(1).randbytes(state.st_size))
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    [left] = tmp_path.glob("generation-*")
    assert left_behind(tmp_path, "abc") == left
    assert await size_when_opened(tmp_path, "abc") == 0


async def test_a_failure_is_named_and_the_generation_not_offered_again(tmp_path: Path) -> None:
    index = await ChromaIndex.open(tmp_path)
    await index.put(["a"], ["s"], vectors(1))
    _delete_files(tmp_path)
    with pytest.raises(IndexFailed, match="gone"):
        await index.search(vectors(1)[0], spaces=["s"], limit=1)
    await index.seal("abc")
    assert not (tmp_path / "clean.json").exists()


async def test_a_folder_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexFailed):
        await ChromaIndex.open(tmp_path / "file" / "index")


async def test_a_closed_index_is_a_failure(tmp_path: Path) -> None:
    index = await ChromaIndex.open(tmp_path)
    await index.close()
    await index.close()
    with pytest.raises(IndexFailed):
        await index.count()


WRITER = """
import asyncio, sys
import numpy as np
from vigilbot.stores.chroma import ChromaIndex

async def main():
    index = await ChromaIndex.open(sys.argv[1], content=sys.argv[2])
    print("ready", await index.count(), flush=True)
    rows = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
    for batch in range(10**6):
        await index.put([f"{batch} {n}" for n in range(200)], ["s"] * 200, rows)

asyncio.run(main())
"""


async def test_killed_while_writing_it_opens_empty(tmp_path: Path) -> None:
    await sealed(tmp_path, "abc", 100)
    sizes = []
    for wait in (0.05, 0.5):
        command = [sys.executable, "-c", WRITER, str(tmp_path), "abc"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            sizes.append(writer.stdout.readline())
            time.sleep(wait)
            writer.kill()
    assert sizes == ["ready 100\n", "ready 0\n"]
    assert await size_when_opened(tmp_path, "abc") == 0


# --- exact search and Chroma together -----------------------------------------------------------


@asynccontextmanager
async def generational(folder: Path, *, chroma_from: int = 0) -> AsyncIterator[GenerationalIndex]:
    async def generation(content: str) -> ChromaIndex:
        return await ChromaIndex.open(folder, content=content)

    index = GenerationalIndex(
        exact=ExactIndex(), open_generation=generation, chroma_from=chroma_from, retry_seconds=0.05
    )
    maintaining = asyncio.create_task(index.maintain())
    try:
        yield index
    finally:
        maintaining.cancel()
        with suppress(asyncio.CancelledError):
            await maintaining
        await index.close()


async def ready(index: GenerationalIndex) -> None:
    async with asyncio.timeout(20):
        while not index.state.ready:
            await asyncio.sleep(0.01)


async def fill(index: GenerationalIndex, count: int = 300) -> Vector:
    rows = vectors(count)
    await index.put([f"k{n}" for n in range(count)], ["s"] * count, rows)
    return rows


async def test_exact_search_serves_until_chroma_is_in_step(tmp_path: Path) -> None:
    async with generational(tmp_path) as index:
        rows = await fill(index)
        assert not index.state.ready
        assert (await index.search(rows[3], spaces=["s"], limit=1))[0].key == "k3"
        await ready(index)
        assert index.state.behind == 0


async def test_a_restart_takes_the_generation_up_and_a_change_between_rebuilds_it(tmp_path: Path) -> None:
    async with generational(tmp_path) as index:
        await fill(index)
        await ready(index)
    [left] = tmp_path.glob("generation-*")
    async with generational(tmp_path) as index:
        await fill(index)
        await ready(index)
        assert list(tmp_path.glob("generation-*")) == [left]
    async with generational(tmp_path) as index:
        await fill(index, 299)
        await ready(index)
        assert list(tmp_path.glob("generation-*")) != [left]
        assert index.state.failure == ""


def _nothing_left(folder: Path) -> None:
    shutil.rmtree(folder)


def _all_garbage(folder: Path) -> None:
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def _all_empty(folder: Path) -> None:
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        os.truncate(file, 0)


@pytest.mark.parametrize("harm", [_nothing_left, _all_garbage, _all_empty])
async def test_harmed_while_running_it_gives_the_same_answers_and_is_rebuilt(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "index"
    async with generational(folder) as index:
        rows = await fill(index)
        await ready(index)
        queries = vectors(5, seed=8)
        before = [await index.search(query, spaces=["s"], limit=9) for query in queries]
        harm(folder)
        assert [await index.search(query, spaces=["s"], limit=9) for query in queries] == before
        assert index.state.rebuilds == 1
        assert index.state.failure
        await ready(index)
        assert [await index.search(query, spaces=["s"], limit=9) for query in queries] == before
        await index.put(["new"], ["s"], -rows[:1])
        await ready(index)
        assert (await index.search(-rows[0], spaces=["s"], limit=1))[0].key == "new"
        assert index.state.rebuilds == 1


async def test_a_folder_that_cannot_be_used_leaves_exact_search(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with generational(tmp_path / "file") as index:
        rows = await fill(index)
        async with asyncio.timeout(20):
            while index.state.rebuilds < 3:
                await asyncio.sleep(0.01)
        assert (await index.search(rows[3], spaces=["s"], limit=1))[0].key == "k3"
        (tmp_path / "file").unlink()
        await ready(index)


async def test_a_small_index_never_opens_chroma(tmp_path: Path) -> None:
    async with generational(tmp_path / "index", chroma_from=100) as index:
        await fill(index, 99)
        await asyncio.sleep(0.1)
        assert not (tmp_path / "index").exists()
        await fill(index, 100)
        await ready(index)


async def test_chroma_waits_for_its_time_and_exact_search_answers_meanwhile(tmp_path: Path) -> None:
    async def none(content: str) -> ChromaIndex:
        raise AssertionError("nobody had been answered yet")

    index = GenerationalIndex(exact=ExactIndex(), open_generation=none, chroma_from=0, first_wait=3600.0)
    keeping = asyncio.create_task(index.maintain())
    rows = await fill(index)
    for _ in range(20):
        await asyncio.sleep(0.01)
    hits = await index.search(rows[3], spaces=["s"], limit=1)
    assert [hit.key for hit in hits] == ["k3"]
    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await index.close()


async def test_changes_while_it_catches_up_are_not_lost(tmp_path: Path) -> None:
    async with generational(tmp_path) as index:
        for step in range(40):
            await index.put([f"k{step % 15}"], ["s"], vectors(1, seed=step))
            if step % 4 == 0:
                await index.drop([f"k{(step + 3) % 15}"])
            await asyncio.sleep(0.003)
        await ready(index)
        assert index.state.failure == ""
        exact = ExactIndex()
        last: dict[str, int] = {}
        for step in range(40):
            last[f"k{step % 15}"] = step
            if step % 4 == 0:
                last.pop(f"k{(step + 3) % 15}", None)
        rows = np.concatenate([vectors(1, seed=step) for step in last.values()])
        await exact.put(list(last), ["s"] * len(last), rows)
        query = vectors(1, seed=77)[0]
        expected = await exact.search(query, spaces=["s"], limit=9)
        assert await index.search(query, spaces=["s"], limit=9) == expected


async def test_its_process_dies_and_only_the_index_is_lost(tmp_path: Path) -> None:
    async with generational(tmp_path) as index:
        rows = await fill(index)
        await ready(index)
        before = await index.search(rows[5], spaces=["s"], limit=9)
        os.kill(process_of(index), signal.SIGKILL)
        assert await index.search(rows[5], spaces=["s"], limit=9) == before
        assert "ended" in index.state.failure
        await ready(index)
        assert await index.search(rows[5], spaces=["s"], limit=9) == before
        assert index.state.rebuilds == 1


def process_of(index: GenerationalIndex) -> int:
    assert index._generation is not None
    assert index._generation._process is not None
    return index._generation._process.pid


async def test_a_search_that_nobody_waits_for_any_more_leaves_its_answer_to_nobody(tmp_path: Path) -> None:
    index = await ChromaIndex.open(tmp_path)
    rows = vectors(200)
    await index.put([f"k{n}" for n in range(200)], ["s"] * 200, rows)
    for n in range(20):
        given_up = asyncio.create_task(index.search_all(rows[n], limit=1))
        for _ in range(n % 5):  # before and after its question is on the way
            await asyncio.sleep(0)
        given_up.cancel()
        with suppress(asyncio.CancelledError):
            await given_up
        [hit] = await index.search_all(rows[n + 50], limit=1)
        assert hit.key == f"k{n + 50}"
    await index.seal("abc")
    assert await size_when_opened(tmp_path, "abc") == 200


async def test_its_process_ends_with_it(tmp_path: Path) -> None:
    for end in (ChromaIndex.close, lambda index: index.seal("abc")):
        index = await ChromaIndex.open(tmp_path)
        assert index._process is not None
        process = index._process
        await index.put(["a"], ["s"], vectors(1))
        await end(index)
        assert process.returncode is not None


async def test_what_is_put_again_as_it_was_leaves_chroma_in_step(tmp_path: Path) -> None:
    async with generational(tmp_path) as index:
        await fill(index)
        await ready(index)
        await fill(index)
        assert index.state.ready
        await fill(index, 301)
        assert (index.state.ready, index.state.behind) == (False, 1)


async def test_the_event_loop_goes_on_while_chroma_is_built(tmp_path: Path) -> None:
    """While it writes, Chroma keeps its interpreter to itself."""
    async with generational(tmp_path) as index:
        await fill(index, 3000)
        turns = 0
        async with asyncio.timeout(60):
            while not index.state.ready:
                await asyncio.sleep(0.005)
                turns += 1
        assert turns > 30


async def test_its_process_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-it")
    monkeypatch.setenv("SOME_API_KEY", "not-for-it-either")
    index = await ChromaIndex.open(tmp_path)
    assert index._process is not None
    told = Path(f"/proc/{index._process.pid}/environ")
    if not told.exists():
        await index.close()
        pytest.skip("this system does not show a process's environment")
    environment = told.read_bytes()
    await index.close()
    assert b"PATH=" in environment
    assert b"not-for-it" not in environment
