"""A started workspace, the people in it, an app; and no proxies on the way."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.workspace.parts import Bolt, Town
from vigilbot.workspace import Workspace

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def ws() -> AsyncIterator[Workspace]:
    async with Workspace() as started:
        yield started


@pytest.fixture
def town(ws: Workspace) -> Town:
    return Town(ws)


@pytest.fixture
async def bolt(ws: Workspace) -> AsyncIterator[Bolt]:
    """Not connected yet."""
    made = Bolt(ws)
    yield made
    await made.close()
