"""One launcher a test process: it has imported everything, and begins one life after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chaos.process import Launcher, launching


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launcher() -> AsyncIterator[Launcher]:
    async with launching() as made:
        yield made
