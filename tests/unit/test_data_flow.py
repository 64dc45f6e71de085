"""`vigilbot doctor --data-flow`: what it says follows from the settings, and names every table there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from vigilbot.__main__ import root
from vigilbot.app import open_ledger
from vigilbot.serve.flow import DataFlow, data_flow, model_hosts
from vigilbot.settings import load


def flow(environ: dict[str, str] | None = None, **options: str) -> DataFlow:
    return data_flow(
        load(options={name.replace("__", "."): value for name, value in options.items()}), environ or {}
    )


def hosts(found: DataFlow) -> list[str]:
    return [each.host for each in found.leaves]


async def test_every_table_of_the_ledger_is_named(tmp_path: Path) -> None:
    ledger = await open_ledger(tmp_path)
    tables = {
        row["name"].replace("oncalls", "on-calls")
        for row in await ledger.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    await ledger.close()
    told = {name for kept in flow().stored for name in re.findall(r"[a-z_-]+", kept.what)}
    derived = {name for name in tables if name.startswith(("lexical_", "sqlite_"))}
    # of these, no row holds a text of anybody
    without_text = {"migrations", "upkeep", "contradictions", "shares", "document_chunks", "document_hosts"}
    without_text |= {"dead_letters"}
    assert tables - derived - without_text - told == set()


def test_by_default_nothing_leaves_but_to_slack_and_to_pages() -> None:
    assert hosts(flow()) == ["slack.com", "*.slack.com", "hosts of pages that people link to"]
    assert hosts(flow(documents__hosts="{'*': ignore}")) == ["slack.com", "*.slack.com"]
    assert hosts(flow(documents__hosts="{'*': ignore, wiki.example.com: learn}"))[2:] == ["wiki.example.com"]
    assert hosts(flow(slack__mode="http"))[:2] == ["slack.com", "hosts of pages that people link to"]


def test_every_platform_that_is_connected_is_named() -> None:
    both = flow(platform__connect="slack/acme, slack/beta, feishu/gamma", lark__mode="webhook")
    assert hosts(both)[:-1] == ["slack.com", "*.slack.com", "open.feishu.cn"]
    assert hosts(flow(platform__connect="lark"))[:-1] == ["open.larksuite.com", "*.larksuite.com"]
    own = flow(platform__connect="lark", lark__base_url="http://127.0.0.1:7001")
    assert hosts(own)[:-1] == ["127.0.0.1:7001", "127.0.0.1:7001"]


def test_every_model_that_may_be_asked_is_named_with_its_host() -> None:
    found = flow(
        engine__kind="model",
        model__models="openai/a, anthropic/b",
        model__stages="{review: 'mistral/c, openai/a'}",
        model__api_base="{anthropic/b: 'https://proxy.example.com:8443/v1'}",
        model__vision="off",
    )
    assert hosts(found)[2:-1] == ["api.openai.com", "proxy.example.com:8443", "api.mistral.ai"]
    assert all("e-mail" in each.taken_out for each in found.leaves[2:-1])
    bare = flow(engine__kind="model", model__models="openai/a", model__redact="false")
    assert [each.taken_out for each in bare.leaves if "openai" in each.what] == ["nothing"]
    assert "files.slack.com" in hosts(bare)
    assert flow(model__models="openai/a").leaves == flow().leaves, "without engine model, none is asked"


def test_a_models_host_is_what_is_configured_then_the_environment_then_what_is_known() -> None:
    environ = {"OPENAI_API_BASE": "http://10.0.0.1:9000/v1"}
    assert model_hosts("openai/a", {"*": "http://[::1]:7000"}, environ) == ("[::1]:7000",)
    assert model_hosts("openai/a", {}, environ) == ("10.0.0.1:9000",)
    assert model_hosts("openai/a", {}, {}) == ("api.openai.com",)
    [unknown] = model_hosts("strange/a", {}, {})
    assert "strange" in unknown
    assert "api_base" in unknown


def test_an_embedding_model_that_must_be_fetched_is_told() -> None:
    assert "huggingface.co" not in hosts(flow(embedder__model="hash"))
    assert "huggingface.co" in hosts(flow(embedder__model="other/model"))
    assert "huggingface.co" not in hosts(flow(embedder__model="other/model", embedder__path="/models/other"))


def test_how_long_texts_are_kept_and_what_is_taken_out_follow_the_settings(tmp_path: Path) -> None:
    found = flow(retention__messages="30d", retention__traces="0", data__redact="no", data__dir=str(tmp_path))
    until = {kept.what: kept.until for kept in found.stored}
    assert until["messages, questions"].startswith("30d after")
    assert until["runs, reviews, model_calls"].startswith("for ever")
    assert "nothing (data.redact is off)" in found.redaction[0]
    (tmp_path / "ledger.db.schema-0009").write_text("")
    (tmp_path / "ledger.db.replaced-20260101T000000000000Z").write_text("")
    told = [kept.place for kept in flow(data__dir=str(tmp_path)).stored]
    assert any("schema-0009" in place for place in told)
    assert any("replaced-" in place for place in told)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_command_says_it_and_makes_nothing(tmp_path: Path, form: tuple[str, ...]) -> None:
    result = CliRunner().invoke(root, ["doctor", "--data-flow", "--data", str(tmp_path / "data"), *form])
    assert result.exit_code == 0
    assert not (tmp_path / "data").exists()
    if form:
        told = json.loads(result.stdout)
        assert {"stored", "leaves", "comes_in", "redaction"} == told.keys()
    assert "slack.com" in result.stdout
