"""The files of a chat export, in a zip or a folder, read without unpacking anything.

Everything that can be wrong with the files themselves ends here as one BadExport: it names the
file (inside the zip), the line and the character, and what the reader can do about it.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

from vigilbot.errors import BadExport

USER_FILES: Final = ("users.json", "org_users.json")  # the second in exports of a whole organisation
CHANNEL_FILES: Final = ("channels.json", "groups.json", "dms.json", "mpims.json")
_MARKERS: Final = frozenset((*USER_FILES, *CHANNEL_FILES))
_DEPTH: Final = 3  # top folder / channel / day
_RATIO: Final = 200  # JSON packs 5 to 20 times; a bomb 1000 times
_SUSPECT: Final = 16 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much is read at most, in bytes after unpacking."""

    file: int = 512 * 2**20
    total: int = 4 * 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportChannel:
    """A channel as the export lists it. ``folder`` holds its days."""

    id: str
    name: str
    folder: str
    private: bool = False
    external: bool = False


class ExportFiles(Protocol):
    """Names are relative to the folder that holds users.json; ``/`` separates folders."""

    @property
    def label(self) -> str: ...

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...

    def close(self) -> None: ...


def open_export(path: Path, *, limits: Limits | None = None) -> ExportFiles:
    """The files of the export at ``path``. Raises BadExport."""
    limits = limits or Limits()
    try:
        if path.is_dir():
            return _Folder(path, limits)
        if not path.exists():
            raise BadExport("no such file or folder", place=str(path), remedy=_GIVE)
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                if file.read(4) == b"PK\x03\x04":
                    raise BadExport("a zip without its end", place=str(path), remedy=_AGAIN)
            raise BadExport("neither a zip nor a folder", place=str(path), remedy=_GIVE)
        return _Zip(path, limits)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BadExport(f"cannot be opened ({_reason(error)})", place=str(path), remedy=_AGAIN) from error


def load_json(files: ExportFiles, name: str) -> Any:
    """One JSON file. Raises BadExport with line and character."""
    raw = files.read(name)
    place = f"{files.label}: {name}"
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise BadExport(
            "not UTF-8 text", place=f"{place}, line {line}, byte {column}", remedy="Save the file as UTF-8"
        ) from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{place}, line {error.lineno}, character {error.colno}"
        raise BadExport(f"malformed JSON ({error.msg})", place=at, remedy=_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise BadExport(f"unusable JSON ({_reason(error)})", place=place, remedy=_AGAIN) from error


def load_list(files: ExportFiles, name: str, *, of: str) -> list[Any]:
    """One JSON file that must be a list. Raises BadExport."""
    value = load_json(files, name)
    if not isinstance(value, list):
        raise BadExport(
            f"expected a JSON list of {of}, found {_kind(value)}",
            place=f"{files.label}: {name}, line 1",
            remedy="This is not the file a Slack export has under this name",
        )
    return value


_GIVE: Final = "Give the zip that Slack made (Workspace settings > Export), or the folder it unpacks to"
_AGAIN: Final = "Download or unpack the export again"
_NOT_AN_EXPORT: Final = (
    "A Slack export has users.json, channels.json and a folder for every channel with a file a day"
)


class _Zip:
    def __init__(self, path: Path, limits: Limits) -> None:
        self.label = path.name
        self._limits = limits
        self._read = 0
        self._zip = zipfile.ZipFile(path)
        try:
            self._infos = self._find(self._zip.infolist())
        except BaseException:
            self._zip.close()
            raise

    def _find(self, infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        files: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.filename.replace("\\", "/")
            if info.is_dir() or name.startswith("__MACOSX/"):
                continue
            if name.startswith("/") or ".." in name.split("/"):
                raise BadExport(
                    f"holds a file that points outside of it ({name[:80]!r})",
                    place=self.label,
                    remedy="No Slack export does: do not trust this file",
                )
            files[name] = info
        root = _root(files, self.label)
        return {name[len(root) :]: info for name, info in files.items() if name.startswith(root)}

    def names(self) -> list[str]:
        return sorted(self._infos)

    def read(self, name: str) -> bytes:
        info = self._infos[name]
        place = f"{self.label}: {name}"
        if info.flag_bits & 0x1:
            raise BadExport("encrypted", place=place, remedy="Unpack it with its password, give the folder")
        packed = max(1, info.compress_size)
        if info.file_size > _SUSPECT and info.file_size > _RATIO * packed:
            raise BadExport(
                f"unpacks to {info.file_size // packed} times its size",
                place=place,
                remedy="No Slack export does: do not trust this file",
            )
        self._read = _count(self._read, info.file_size, self._limits, place)
        try:
            return self._zip.read(info)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise BadExport(f"damaged ({_reason(error)})", place=place, remedy=_AGAIN) from error

    def close(self) -> None:
        self._zip.close()


class _Folder:
    def __init__(self, path: Path, limits: Limits) -> None:
        self.label = path.name or str(path)
        self._limits = limits
        self._read = 0
        inside = [
            p for p in sorted(path.iterdir()) if p.is_dir() and not p.name.startswith((".", "__MACOSX"))
        ]
        if not any((path / marker).is_file() for marker in _MARKERS):
            nested = [p for p in inside if any((p / marker).is_file() for marker in _MARKERS)]
            _root([f"{p.name}/users.json" for p in nested], self.label)
            path = nested[0]
        self._path = path.resolve()

    def names(self) -> list[str]:
        return sorted(self._walk())

    def _walk(self) -> Iterator[str]:
        for child in self._path.iterdir():
            if child.is_file():
                yield child.name
            elif child.is_dir() and not child.name.startswith("."):
                yield from (f"{child.name}/{p.name}" for p in child.iterdir() if p.is_file())

    def read(self, name: str) -> bytes:
        place = f"{self.label}: {name}"
        try:
            path = (self._path / name).resolve()
            if not path.is_relative_to(self._path):
                raise BadExport(
                    "points outside of the export", place=place, remedy="Replace the link by the file"
                )
            self._read = _count(self._read, path.stat().st_size, self._limits, place)
            return path.read_bytes()
        except OSError as error:
            raise BadExport(f"cannot be read ({_reason(error)})", place=place, remedy=_AGAIN) from error

    def close(self) -> None:
        """Nothing is held open."""


def _root(names: dict[str, zipfile.ZipInfo] | list[str], label: str) -> str:
    """The folder of users.json or channels.json nearest to the top, "" or ending in a slash."""
    roots: set[tuple[int, str]] = set()
    for name in names:
        parts = PurePosixPath(name).parts
        if len(parts) < _DEPTH and parts[-1] in _MARKERS:
            roots.add((len(parts), "/".join((*parts[:-1], "")) if len(parts) > 1 else ""))
    if not roots:
        raise BadExport("not a Slack export", place=label, remedy=_NOT_AN_EXPORT)
    nearest = min(roots)[0]
    found = sorted(root for depth, root in roots if depth == nearest)
    if len(found) > 1:
        raise BadExport(
            f"holds several exports ({', '.join(found[:5])})",
            place=label,
            remedy="Unpack it and give one of its folders",
        )
    return found[0]


def _count(so_far: int, size: int, limits: Limits, place: str) -> int:
    if size > limits.file or so_far + size > limits.total:
        raise BadExport(
            f"too large ({(so_far + size) // 2**20} MB unpacked)",
            place=place,
            remedy="Export a shorter time range, or replay one channel at a time with --channel",
        )
    return so_far + size


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str):
        return "a string"
    return "null" if value is None else "a single value"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
