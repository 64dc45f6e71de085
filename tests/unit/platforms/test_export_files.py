"""Everything that can be wrong with an export's files is one BadExport with place and remedy."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from vigilbot.errors import BadExport
from vigilbot.platforms.export_files import Limits
from vigilbot.platforms.replay import read_export

USERS = '[{"id": "U1", "team_id": "T1", "name": "ann"}]'
CHANNELS = '[{"id": "C1", "name": "help"}]'
DAY = '[{"type": "message", "user": "U1", "text": "hello", "ts": "1700000000.000100"}]'
GOOD = {"users.json": USERS, "channels.json": CHANNELS, "help/2023-11-14.json": DAY}


def zipped(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def folder(path: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, limits: Limits | None = None) -> BadExport:
    with pytest.raises(BadExport) as caught:
        read_export(path, limits=limits)
    error = caught.value
    assert error.place
    assert error.remedy
    assert "\n" not in str(error)
    return error


@pytest.mark.parametrize("pack", [zipped, folder])
@pytest.mark.parametrize("top", ["", "Acme Slack export/"])
def test_zip_and_folder_with_or_without_a_top_folder_read_alike(tmp_path: Path, pack, top: str) -> None:
    files = {top + name: content for name, content in GOOD.items()}
    files |= {top + "integration_logs.json": "not even JSON", top + "help/canvas.json": "{"}
    files |= {"__MACOSX/._users.json": b"\x00\x05", "readme.txt": "hi"}
    export = read_export(pack(tmp_path / "export", files))
    assert [e.text for e in export.events] == ["hello"]
    assert export.stats.messages == 1


def test_users_of_a_whole_organisation(tmp_path: Path) -> None:
    files = {"org_users.json" if name == "users.json" else name: text for name, text in GOOD.items()}
    assert read_export(zipped(tmp_path / "e.zip", files)).events[0].user_name == "ann"


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nothing.zip").problem


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_text("hello")
    assert "neither a zip nor a folder" in refusal(path).problem


def test_a_truncated_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", GOOD)
    path.write_bytes(path.read_bytes()[:-30])
    refusal(path)


@pytest.mark.parametrize("files", [{"notes.txt": "x"}, {"a/b/c/users.json": "[]"}, {}])
@pytest.mark.parametrize("pack", [zipped, folder])
def test_no_slack_export(tmp_path: Path, pack, files: dict[str, str]) -> None:
    (tmp_path / "e").mkdir()
    target = pack(tmp_path / "e" / ("x.zip" if pack is zipped else ""), files)
    assert "not a Slack export" in refusal(target).problem


def test_several_exports_in_one(tmp_path: Path) -> None:
    files = {f"{top}/{name}": text for top in ("one", "two") for name, text in GOOD.items()}
    assert "several exports (one/, two/)" in refusal(zipped(tmp_path / "e.zip", files)).problem
    assert "several exports" in refusal(folder(tmp_path / "f", files)).problem


def test_no_users(tmp_path: Path) -> None:
    files = {name: text for name, text in GOOD.items() if name != "users.json"}
    error = refusal(zipped(tmp_path / "e.zip", files))
    assert error.problem == "no users.json"
    assert "[]" in error.remedy
    # The remedy works.
    export = read_export(zipped(tmp_path / "f.zip", {**files, "users.json": "[]"}))
    assert export.events[0].user_name == "U1"


def test_no_channels_and_no_messages(tmp_path: Path) -> None:
    assert "no channels" in refusal(zipped(tmp_path / "e.zip", {"users.json": USERS})).problem


@pytest.mark.parametrize("day", ["[]", '[{"type": "message", "subtype": "channel_topic", "ts": "1.2"}]'])
def test_no_message_at_all(tmp_path: Path, day: str) -> None:
    error = refusal(zipped(tmp_path / "e.zip", {**GOOD, "help/2023-11-14.json": day}))
    assert error.problem.startswith("0 messages")
    assert ("1 channel topic" in error.problem) == (day != "[]")


@pytest.mark.parametrize("name", list(GOOD))
def test_malformed_json_says_file_line_and_character(tmp_path: Path, name: str) -> None:
    error = refusal(zipped(tmp_path / "e.zip", {**GOOD, name: '[\n  {"id": }\n]'}))
    assert error.place == f"e.zip: {name}, line 2, character 10"
    assert "malformed JSON" in error.problem


@pytest.mark.parametrize("name", list(GOOD))
def test_an_object_where_a_list_belongs(tmp_path: Path, name: str) -> None:
    error = refusal(folder(tmp_path / "e", {**GOOD, name: '{"ok": false}'}))
    assert name in error.place
    assert "found an object" in error.problem


def test_json_that_would_break_the_parser(tmp_path: Path) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    assert "unusable JSON" in refusal(zipped(tmp_path / "e.zip", {**GOOD, "users.json": deep})).problem
    number = "[" + "9" * 5000 + "]"
    assert "unusable JSON" in refusal(zipped(tmp_path / "f.zip", {**GOOD, "users.json": number})).problem


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    error = refusal(zipped(tmp_path / "e.zip", {**GOOD, "help/2023-11-14.json": b"[\n {}, \xe9 ]"}))
    assert error.place == "e.zip: help/2023-11-14.json, line 2, byte 6"


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    files = {**GOOD, "users.json": b"\xef\xbb\xbf" + USERS.encode()}
    assert read_export(zipped(tmp_path / "e.zip", files)).stats.messages == 1


def test_an_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "e.zip", GOOD)
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(signature)
        while at >= 0:
            (flags,) = struct.unpack_from("<H", raw, at + offset)
            struct.pack_into("<H", raw, at + offset, flags | 1)
            at = raw.find(signature, at + 4)
    path.write_bytes(bytes(raw))
    assert refusal(path).problem == "encrypted"


def test_a_damaged_file_in_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in GOOD.items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))
    assert "damaged" in refusal(path).problem


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "help/../../evil.json", "..\\evil.json"])
def test_names_that_point_outside(tmp_path: Path, name: str) -> None:
    assert "points outside" in refusal(zipped(tmp_path / "e.zip", {**GOOD, name: "[]"})).problem


def test_a_link_that_leads_outside(tmp_path: Path) -> None:
    path = folder(tmp_path / "e", GOOD)
    (tmp_path / "secret.json").write_text(DAY)
    (path / "help" / "2023-11-15.json").symlink_to(tmp_path / "secret.json")
    assert "points outside" in refusal(path).problem


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    buffer.write(b"[" + b" " * (20 * 2**20) + b"]")
    error = refusal(zipped(tmp_path / "e.zip", {**GOOD, "help/2023-11-15.json": buffer.getvalue()}))
    assert "times its size" in error.problem


@pytest.mark.parametrize("limits", [Limits(file=100), Limits(total=150)])
@pytest.mark.parametrize("pack", [zipped, folder])
def test_too_large(tmp_path: Path, pack, limits: Limits) -> None:
    long = json.dumps([{"type": "message", "user": "U1", "text": "x" * 100, "ts": "1.000001"}])
    path = pack(tmp_path / "e", {**GOOD, "help/2023-11-15.json": long})
    assert "too large" in refusal(path, limits).problem
