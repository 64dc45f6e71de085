"""Releases of packages that must not run here: what was slipped into them reads secrets and sends them on.

The lock file keeps them out; this is for environments that were made without it. Nothing is imported to find
out. A release that is here has run already, so that the remedy begins with the secrets.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

from vigilbot.errors import BadInput

ANY = "*"
KNOWN_BAD: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "litellm": (
            "1.82.7",
            "1.82.8",
        ),  # March 2026: sends secrets away, the second at every start of Python
        "torchtriton": (ANY,),  # December 2022: a stranger's, under the name of a part of torch
    }
)
_LEFT_BEHIND = ("litellm_init.pth",)  # goes on running when the package is gone
_REMEDY = (
    "Treat every secret on this machine as stolen and change it, then make the environment anew with "
    "`make install`"
)


def known_bad(
    installed: Callable[[str], str | None] | None = None, *, folder: Path | None = None
) -> tuple[str, ...]:
    """What is here of it, as words. ``installed`` tells a package's version, ``folder`` holds them all."""
    told = installed or _installed
    found = [
        f"{name} {here}"
        for name, versions in KNOWN_BAD.items()
        if (here := told(name)) is not None and (here in versions or ANY in versions)
    ]
    site = folder or Path(sysconfig.get_path("purelib"))
    return (*found, *(name for name in _LEFT_BEHIND if (site / name).exists()))


def refuse_known_bad() -> None:
    """Raises BadInput."""
    if found := known_bad():
        raise BadInput(f"malicious code is installed: {', '.join(found)}", remedy=_REMEDY)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
