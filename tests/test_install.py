"""What `make install` relies on: the lock file, the pins and the test command of CI."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

from vigilbot.providers.packages import known_bad

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each package in the lock file."""
    found: dict[str, tuple[str, list[str]]] = {}
    hashes: list[str] = []
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            hashes = []
            found[canonical(pin[1])] = (pin[2], hashes)
        hashes += re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
    return found


def pinned() -> dict[str, str]:
    """Version of each package that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pins = [PIN.fullmatch(requirement) for requirement in wanted]
    assert all(pins), "every dependency is pinned with =="
    return {canonical(pin[1]): pin[2] for pin in pins if pin}


def test_every_locked_package_has_hashes() -> None:
    packages = locked()
    assert len(packages) > 50
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []
    # packages with compiled parts are locked for other machines than the one that wrote the file
    assert all(len(packages[name][1]) > 20 for name in ("aiohttp", "numpy", "pydantic-core", "scikit-learn"))


def test_the_lock_file_holds_nothing_of_one_machine() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"^--.*|https?:|file:|@ |\+cpu|\+cu\d", text, re.MULTILINE) == []
    assert [name for name in locked() if name == "torch" or name.startswith(("nvidia", "cuda"))] == []


def test_the_lock_file_and_the_project_agree() -> None:
    packages = locked()
    torch = pinned()["torch"]
    others = {name: version for name, version in pinned().items() if name != "torch"}
    assert {name: packages[name][0] for name in others} == others
    assert f"TORCH := torch=={torch}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_what_is_installed_is_what_is_locked() -> None:
    installed = {canonical(each.name): each.version for each in distributions()}
    wanted = {name: version for name, (version, _) in locked().items()}
    assert {name: installed.get(name) for name in wanted} == wanted
    beside = {"vigilbot", "torch", "pip"}  # torch by version alone, and on some machines parts of it
    unknown = {
        name
        for name in installed.keys() - wanted.keys() - beside
        if not name.startswith(("nvidia-", "cuda-", "triton"))
    }
    assert unknown == set(), "make lock, or take it out of the environment"
    assert installed["torch"].partition("+")[0] == pinned()["torch"]


def test_no_release_that_is_known_to_be_malicious_is_locked() -> None:
    versions = {name: version for name, (version, _) in locked().items()}
    assert known_bad(versions.get) == ()
    assert known_bad({"litellm": "1.82.8"}.get) == ("litellm 1.82.8",)


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "vigilbot").rglob("*.py")}
    above = {
        parent for folder in folders for parent in folder.parents if parent.is_relative_to(ROOT / "vigilbot")
    }
    assert [
        str(path.relative_to(ROOT)) for path in folders | above if not (path / "__init__.py").is_file()
    ] == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
    assert re.search(r"^(\$ )?make test\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
