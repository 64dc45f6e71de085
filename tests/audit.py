"""`make audit`: is anything known against the packages of requirements.lock? Asks the OSV database, so it
needs the network; without it, it says that nothing was audited.

What is sent is the names and versions of the lock file. Malicious releases are in that database, too.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import click

from tests.test_install import locked, pinned

ADDRESS = "https://api.osv.dev"
PATIENCE = 30.0  # seconds
FOUND, WITHOUT = 1, 0


def packages() -> dict[str, str]:
    """Version by name; torch stands outside of the lock file."""
    return {name: version for name, (version, _) in locked().items()} | {"torch": pinned()["torch"]}


def known_against(versions: Mapping[str, str], *, address: str) -> dict[str, list[str]]:
    """Ids of what is known, by package. Raises URLError, and ValueError for a strange answer."""
    names = sorted(versions)
    asked = {
        "queries": [
            {"package": {"ecosystem": "PyPI", "name": name}, "version": versions[name]} for name in names
        ]
    }
    request = Request(
        f"{address}/v1/querybatch",
        data=json.dumps(asked).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=PATIENCE) as answer:
        results: list[dict[str, Any]] = json.load(answer)["results"]
    if len(results) != len(names):
        raise ValueError(f"{len(results)} answers to {len(names)} questions")
    return {
        name: sorted(each["id"] for each in result["vulns"])
        for name, result in zip(names, results, strict=True)
        if result.get("vulns")
    }


def main() -> int:
    versions = packages()
    address = os.environ.get("OSV_ADDRESS", ADDRESS)
    try:
        found = known_against(versions, address=address)
    except (URLError, TimeoutError) as error:
        click.echo(f"NOT AUDITED: {address} cannot be reached ({getattr(error, 'reason', error)}).")
        return WITHOUT
    except (ValueError, KeyError) as error:
        click.echo(f"NOT AUDITED: {address} gave an answer that cannot be read ({error}).")
        return FOUND
    for name, ids in found.items():
        click.echo(f"{name} {versions[name]}: {', '.join(ids)}")
    click.echo(f"{len(versions)} packages audited, something is known against {len(found)}.")
    return FOUND if found else WITHOUT


if __name__ == "__main__":
    sys.exit(main())
