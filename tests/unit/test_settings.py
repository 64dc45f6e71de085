"""Settings: where values come from, what is refused, and that the documents follow the code."""

from __future__ import annotations

import ast
import json
from dataclasses import FrozenInstanceError, dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vigilbot
from vigilbot.domain import Gate, Mode, Unit
from vigilbot.errors import BadSettings
from vigilbot.settings import TABLE, Row, Settings, load
from vigilbot.settings.documents import BEGIN, END, markdown_table, with_table, yaml_file
from vigilbot.settings.rows import Seconds, rows, setting, spoken_span


def write(folder: Path, text: str) -> Path:
    path = folder / "vigilbot.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_is_the_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.oncall.unit, settings.oncall.grace, settings.oncall.reopen) == (Unit.THREAD, 30, 86400)
    assert (settings.mode.internal, settings.mode.external) == (Mode.EVERYONE, Mode.ANALYSTS)
    assert settings.dedup.theta["all-MiniLM-L6-v2"] == 0.7


def test_a_file_gives_values_of_every_kind(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
oncall:
  unit: channel
  grace: 2m
  burst: 1.5
roles:
  analysts: [U1, 0123, no]     # texts as they stand, whatever YAML takes them for
  customers:
    - U9
  author_is_customer: off
identify: {threshold: 0.25}
dedup:
  theta: {my/model: 0.6, other: 1}
data: {dir: somewhere/else}
standing:
review:
  quiet:
""",
    )
    settings = load(path)
    assert settings.oncall.unit is Unit.CHANNEL
    assert (settings.oncall.grace, settings.oncall.burst) == (120, 1.5)
    assert settings.roles.analysts == ("U1", "0123", "no")
    assert settings.roles.customers == ("U9",)
    assert settings.roles.author_is_customer is False
    assert settings.identify.threshold == 0.25
    assert dict(settings.dedup.theta) == {"my/model": 0.6, "other": 1.0}
    assert settings.data.dir == Path("somewhere/else")
    assert settings.review.quiet == Settings().review.quiet  # a key without a value keeps its default


@pytest.mark.parametrize("text", ["", "# only a comment\n", "oncall:\n", "\ufeffoncall: {grace: 30}\r\n"])
def test_files_that_say_nothing(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, text)) == Settings()


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "oncall: {grace: 1, burst: 1, ack_hold: 1}")
    environ = {
        "VIGILBOT_ONCALL_BURST": "2s",
        "VIGILBOT_ONCALL_ACK_HOLD": "2s",
        "HOME": "/",
        "VIGILBOT_DATA": "x",
    }
    oncall = load(path, environ, {"oncall.ack_hold": "3s"}).oncall
    assert (oncall.grace, oncall.burst, oncall.ack_hold) == (1, 2, 3)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("VIGILBOT_ROLES_ANALYSTS", "U1, U2", "roles.analysts", ("U1", "U2")),
        ("VIGILBOT_ROLES_ANALYSTS", "[U1, U2, U1]", "roles.analysts", ("U1", "U2")),
        ("VIGILBOT_ROLES_ANALYST_TITLES", "", "roles.analyst_titles", Settings().roles.analyst_titles),
        ("VIGILBOT_DEDUP_THETA", "{a: 0.5}", "dedup.theta", {"a": 0.5}),
        ("VIGILBOT_SCOPE_STATEMENT", "a: {b} # c", "scope.statement", "a: {b} # c"),
        ("VIGILBOT_IDENTIFY_THRESHOLD", "null", "identify.threshold", None),
        ("VIGILBOT_IDENTIFY_THRESHOLD", "0.5", "identify.threshold", 0.5),
        ("VIGILBOT_CARDS_PER_ONCALL", "0", "cards.per_oncall", 0),
    ],
)
def test_environment_values(variable: str, text: str, name: str, value: object) -> None:
    settings = load(environ={variable: text})
    section, key = name.split(".")
    assert getattr(getattr(settings, section), key) == value


@pytest.mark.parametrize(
    ("unit", "gate", "opens"),
    [
        (Unit.THREAD, "auto", Gate.IMMEDIATELY),
        (Unit.CHANNEL, "auto", Gate.ANALYST_JOINED),
        (Unit.THREAD, "analyst_joined", Gate.ANALYST_JOINED),
        (Unit.CHANNEL, "immediately", Gate.IMMEDIATELY),
    ],
)
def test_the_gate_follows_the_unit_unless_it_is_set(
    unit: Unit, gate: Literal["auto", "analyst_joined", "immediately"], opens: Gate
) -> None:
    assert replace(Settings().oncall, unit=unit, gate=gate).opens is opens


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("oncall:\n  grase: 3\n", 2, "unknown key 'oncall.grase'. Did you mean 'oncall.grace'?"),
        ("\ngrace: 3\n", 2, "Did you mean 'oncall.grace'?"),
        ("oncal:\n  grace: 3\n", 1, "Did you mean 'oncall'?"),
        ("qqqqq: 3\n", 1, "config/vigilbot.yaml lists every key"),
        ("oncall: 5\n", 1, "'oncall' is not a mapping of keys"),
        ("- oncall\n", 1, "is not a mapping of sections"),
        ("oncall:\n  grace: soon\n", 2, "oncall.grace: 'soon' is not a duration such as 30s"),
        ("oncall:\n  grace: -1s\n", 2, "is not a duration"),
        ("oncall:\n  grace: 2d\n", 2, "'2d' is not at most 1d"),
        ("oncall:\n  inactivity: 1s\n", 2, "'1s' is not at least 1m"),
        ("oncall:\n  unit: threads\n", 2, "is not one of thread, channel"),
        ("oncall:\n  grace: [1]\n", 2, "is not a single value"),
        ("cards:\n\n  per_oncall: 2.5\n", 3, "'2.5' is not a whole number. Without it, 3 applies"),
        ("cards:\n  per_oncall: 101\n", 2, "is not at most 100"),
        (f"cards:\n  per_oncall: {'9' * 400}\n", 2, "is not a whole number"),
        ("identify:\n  threshold: .nan\n", 2, "is not a number"),
        ("identify:\n  threshold: 1e999\n", 2, "is not a number"),
        ("identify:\n  threshold: 1.5\n", 2, "is not at most 1"),
        ("standing:\n  enabled: maybe\n", 2, "is not true or false"),
        ("roles:\n  analysts: {a: b}\n", 2, "is not a list of texts"),
        ("roles:\n  analysts: [[a]]\n", 2, "is not a list of texts"),
        ("dedup:\n  theta: 0.7\n", 2, "is not a mapping of names to values"),
        ("dedup:\n  theta: {a: b}\n", 2, "is not a number"),
        ("data:\n  dir: ''\n", 2, "is not a path"),
        ("oncall:\n  grace: 1\n  grace: 2\n", 3, "a second time, first in line 2"),
        ("oncall:\n  ? [a]\n  : 2\n", 2, "a key is not a text"),
        ("oncall:\n  grace: [\n", 3, "is not YAML"),
        ("a: b: c\n", 1, "is not YAML"),
        ("oncall:\n\tgrace: 3\n", 2, "is not YAML"),
        ("oncall: {grace: !!python/object:os.system x}\n", 1, "is not a duration"),
        ("oncall: {grace: *unknown}\n", 1, "is not YAML"),
    ],
)
def test_what_is_refused_names_file_line_and_remedy(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(BadSettings) as caught:
        load(path)
    assert caught.value.place == f"{path}:{line}"
    assert said in str(caught.value)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    for raw, said in [
        (b"oncall:\n  grace: \xff\n", ":2: is not UTF-8"),
        (b"\x00", "is not YAML"),
        (b"[" * 5000, "is not YAML"),
        (b"#" * 1_000_001, "is larger than 1 MB"),
    ]:
        bad.write_bytes(raw)
        with pytest.raises(BadSettings, match=said) as caught:
            load(bad)
        assert str(caught.value).startswith(str(bad))
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(BadSettings, match="cannot be read") as caught:
            load(path)
        assert caught.value.place == str(path)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"VIGILBOT_ONCAL_GRACE": "3"}, "Did you mean VIGILBOT_ONCALL_GRACE?"),
        ({"VIGILBOT_FOO": "3"}, "Unset it; README lists every setting"),
        ({"VIGILBOT_": "3"}, "no setting is called VIGILBOT_"),
        ({"VIGILBOT_ONCALL_GRACE": "x"}, "environment variable VIGILBOT_ONCALL_GRACE: oncall.grace: 'x'"),
        ({"VIGILBOT_DEDUP_THETA": "{a"}, "is not YAML"),
    ],
)
def test_what_the_environment_may_not_say(environ: dict[str, str], said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(environ=environ)
    assert said in str(caught.value)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"command line: unknown key 'oncall\.gat'.*oncall\.gate"):
        load(options={"oncall.gat": "auto"})


def test_settings_are_frozen() -> None:
    settings = load()
    with pytest.raises(FrozenInstanceError):
        settings.oncall.grace = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        settings.dedup.theta["x"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_default_survives_being_printed_and_read(row: Row) -> None:
    shown = row.shown(row.default)
    changed = load(options={row.name: json.loads(shown) if shown.startswith('"') else shown})
    assert getattr(getattr(changed, row.section), row.key) == row.default
    assert row.help.endswith(".")


def test_the_printed_file_loads_as_the_defaults(tmp_path: Path) -> None:
    text = yaml_file()
    assert load(write(tmp_path, text)) == Settings()
    assert all(len(line) <= 110 for line in text.splitlines())


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A section."""

    wait: Seconds = setting(90.0, "A span.", least=1)
    names: tuple[str, ...] = setting(("yes", "a b", "#x"), "Names.")
    word: str | None = setting(None, "A word.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    part: Section = field(default_factory=Section)


def test_one_new_field_is_all_a_new_setting_needs() -> None:
    wait, names, word = rows(Table)
    assert (wait.name, wait.variable, wait.shown(wait.default)) == ("part.wait", "VIGILBOT_PART_WAIT", "90s")
    assert wait.explained == "A span. At least 1s."
    assert names.shown(names.default) == '["yes", a b, "#x"]'
    assert word.shown(None) == "null"


@given(st.integers(min_value=0, max_value=10**8))
def test_spans_read_as_they_are_spoken(seconds: int) -> None:
    spoken = spoken_span(seconds)
    assert load(options={"cards.gap": spoken}).cards.gap == seconds
    assert spoken == "0s" or not spoken.startswith("0")


@given(st.text())
def test_any_text_from_the_environment_is_taken_as_it_stands(text: str) -> None:
    assert load(environ={"VIGILBOT_SCOPE_STATEMENT": text}).scope.statement == text


@pytest.mark.parametrize(
    "text", ["{id}", "{{x}}", "no", "~", "# a", "a: b", 'say "hi"', "ünïcode \u202e", "a\nb"]
)
def test_hostile_texts_survive_the_file(tmp_path: Path, text: str) -> None:
    shown = TABLE["scope.statement"].shown(text)
    assert load(write(tmp_path, f"scope: {{statement: {shown}}}")).scope.statement == text


def test_every_setting_is_read_somewhere() -> None:
    package = Path(vigilbot.__file__).parent
    read = {
        node.attr
        for path in package.rglob("*.py")
        if package / "settings" not in path.parents
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert "opens" in read  # the gate, with `auto` decided
    assert [name for name, row in TABLE.items() if row.key not in {*read, "gate"}] == []


def test_a_readme_keeps_everything_but_the_table() -> None:
    readme = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert with_table(readme) == f"before\n{BEGIN}\n{markdown_table()}\n{END}\nafter\n"
    assert with_table(with_table(readme)) == with_table(readme)
    with pytest.raises(ValueError, match="lacks the lines"):
        with_table("no markers")
