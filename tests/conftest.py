"""Shared by all tests, each made once and only if a test asks for it: the embedding model, litellm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from vigilbot.ports import Embedder
from vigilbot.providers.llm import LiteLlm, open_litellm
from vigilbot.settings import Settings
from vigilbot.testing import RememberingEmbedder, ScriptedModel


@pytest.fixture(scope="session")
def real_embedder() -> Embedder:
    """The embedded default model; a vector once computed is kept for the whole session."""
    from vigilbot.app import open_embedder

    return RememberingEmbedder(asyncio.run(open_embedder(Settings())))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served_model() -> AsyncIterator[ScriptedModel]:
    """A model server on loopback for the whole session; `scripted_model` gives it out as good as new."""
    async with ScriptedModel().serving() as model:
        yield model


@pytest.fixture
def scripted_model(served_model: ScriptedModel) -> ScriptedModel:
    served_model.forget()
    return served_model


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def litellm(served_model: ScriptedModel) -> AsyncIterator[LiteLlm]:
    """The real library, imported once (seconds), speaking to the scripted server. Tests that use it
    share the session's loop: its HTTP clients do."""
    library = await open_litellm(api_bases={"*": served_model.url}, seconds=5)
    yield library
    await library.close()
