"""The configuration examples load, name models that litellm knows, and reach a server when called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.models import ordered
from vigilbot.errors import ModelUnavailable
from vigilbot.ports import Ask
from vigilbot.providers.llm import LiteLlm
from vigilbot.settings import load
from vigilbot.testing import Answered, ScriptedModel

FOLDER = Path(__file__).resolve().parents[2] / "config" / "examples"
FILES = sorted(FOLDER.glob("*.yaml"))
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_API_KEY", "AZURE_API_VERSION")


class Ready(BaseModel):
    ready: bool


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_API_BASE"))]:
        monkeypatch.delenv(name)
    for name in KEYS:
        monkeypatch.setenv(name, "2024-10-21" if name.endswith("VERSION") else "k-for-tests")


def test_every_kind_of_provider_has_one() -> None:
    assert [path.stem for path in FILES] == ["anthropic", "azure", "ollama", "openai", "vllm"]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_an_example_is_complete(path: Path, litellm: LiteLlm) -> None:
    """With its own address and the keys it names, nothing is missing."""
    known = load(path).model
    alone = LiteLlm(litellm._library, api_bases=known.api_base, seconds=1)
    for model in (*known.models, *known.stages.values()):
        alone.check(model)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_an_example_speaks_to_its_server(
    path: Path, litellm: LiteLlm, scripted_model: ScriptedModel
) -> None:
    """The scripted server stands where the provider would: another answer there proves another form."""
    scripted_model.then(Answered.of({"ready": True}), Answered(text="{", finish="length"))
    known = load(path).model
    first = known.models[0]
    spoken = first.startswith(("openai/", "hosted_vllm/"))
    alone = LiteLlm(
        litellm._library,
        api_bases={first: scripted_model.url if spoken else scripted_model.root},
        seconds=5,
    )
    models = ordered(alone, models=[first], takes_schema=known.structured == "schema" or spoken)
    ask = Ask(stage="answer", instructions="Be.", data="Ready? JSON, please.")
    assert (await models.complete(ask, Ready)).ready
    with pytest.raises(ModelUnavailable):
        await models.complete(ask, Ready)
    assert "Be." in str(scripted_model.asked[0].body)
    assert str(scripted_model.asked[0].body["model"]) == first.partition("/")[2]
    forms = {"anthropic": "/v1/messages", "ollama": "/api/chat", "azure": "/openai/deployments/my-deployment"}
    assert scripted_model.asked[0].path.startswith(forms.get(path.stem, "/v1/chat/completions"))
