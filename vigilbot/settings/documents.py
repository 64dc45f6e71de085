"""The settings' own documents: config/vigilbot.yaml and the table in README.md.

`make docs` runs this module; a test says when the files no longer equal what it would write.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import get_type_hints

from vigilbot.settings import TABLE, Settings

WIDTH = 100
BEGIN = "<!-- settings: written by `make docs` -->"
END = "<!-- end of settings -->"

_HEAD = """\
# VigilBot's settings, every key with its default. `make docs` writes this file from the code: copy it,
# change the copy, and name that with --config. A key that is left out keeps its default.
#
# The environment wins over the file: VIGILBOT_ONCALL_GRACE=45s sets oncall.grace. Secrets (tokens and
# keys) come from the environment only and have no key here. A duration is a number of seconds, or
# 30s, 5m, 12h, 2d.
"""


def yaml_file() -> str:
    """config/vigilbot.yaml: loading it gives the default Settings."""
    return "\n".join(_yaml_lines()) + "\n"


def _yaml_lines() -> Iterator[str]:
    yield from _HEAD.splitlines()
    about = get_type_hints(Settings)
    for section, group in groupby(TABLE.values(), key=lambda row: row.section):
        yield ""
        yield from _comment(about[section].__doc__, "")
        yield f"{section}:"
        for row in group:
            yield from _comment(row.explained, "  ")
            yield f"  {row.key}: {row.shown(row.default)}"


def _comment(text: str, indent: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def markdown_table() -> str:
    """The table for README.md, one row a setting."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for row in TABLE.values():
        cells = (f"`{row.name}`", f"`{row.shown(row.default)}`", row.explained)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """A README with the table between its two markers brought up to date.

    Raises ValueError when a marker is missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{markdown_table()}\n{END}{after}"


def write(root: Path) -> None:
    """Both documents of the project in a folder."""
    config = root / "config" / "vigilbot.yaml"
    config.parent.mkdir(exist_ok=True)
    config.write_text(yaml_file(), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
