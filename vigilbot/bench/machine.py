"""The machine that measured."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_PACKAGES = ("numpy", "torch", "chromadb", "litellm", "slack-bolt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    cores: int  # that this process may use
    processor: str
    memory: float  # GB; 0 where the system does not tell
    system: str
    python: str
    packages: dict[str, str]  # name to version

    @property
    def line(self) -> str:
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        memory = f", {self.memory:.0f} GB" if self.memory else ""
        return (
            f"{self.cores} cores, {self.processor}{memory}, {self.system}, Python {self.python}; {packages}"
        )


def this_machine() -> Machine:
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        processor=_processor(),
        memory=_memory(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages=packages | {"SQLite": sqlite3.sqlite_version},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        return 0.0
