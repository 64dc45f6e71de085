"""Shared by all tests: the real embedding model, loaded once and only if a test asks for it."""

from __future__ import annotations

import asyncio

import pytest

from vigilbot.ports import Embedder
from vigilbot.settings import Settings
from vigilbot.testing import RememberingEmbedder


@pytest.fixture(scope="session")
def real_embedder() -> Embedder:
    """The embedded default model; a vector once computed is kept for the whole session."""
    from vigilbot.app import open_embedder

    return RememberingEmbedder(asyncio.run(open_embedder(Settings())))
