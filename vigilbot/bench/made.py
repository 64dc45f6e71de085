"""Knowledge and questions for measuring speed, made by rule: short, all different, each with its own code.

Nothing about quality can be read from them. They are as long as what people write, they embed and match
like any other text, and every question has exactly one right entry.
"""

from __future__ import annotations

from collections.abc import Iterator

from vigilbot.admin.lines import Line, Placed
from vigilbot.domain import Trust

PARTS = (
    *("nightly export", "invoice import", "single sign-on", "search index", "webhook relay"),
    *("mobile app", "audit log", "report builder", "license server", "backup agent"),
    *("message queue", "image resizer", "billing page", "user directory", "metrics collector"),
    *("print service", "calendar sync", "file upload", "mail gateway", "data warehouse link"),
)
TROUBLES = (
    *("stops halfway", "times out", "is rejected", "returns an empty page", "runs twice"),
    *("loses the last record", "hangs at start", "shows old values", "needs hours", "refuses the token"),
    *("crashes after login", "writes to the wrong folder", "ignores the filter", "sends duplicates"),
    *("cannot find the host", "fails for large files", "drops umlauts", "blocks other jobs", "never ends"),
    *("reports no license",),
)
PLACES = (
    *("since the upgrade", "on the second node", "for new customers", "behind the proxy", "after midnight"),
    *("in the test tenant", "with two factors", "for shared folders", "on the weekend", "via the API"),
    *(
        "for archived projects",
        "after a restart",
        "with the new theme",
        "on old browsers",
        "in the far region",
    ),
    *("for guests", "during the backup", "with long names", "after the move", "over the VPN"),
    *("for the pilot group", "at month's end", "without a default", "in read-only mode", "after the import"),
)
REMEDIES = (
    *(
        "Renew the certificate of the {part}",
        "Clear the cache of the {part}",
        "Give the {part} a second worker",
    ),
    *("Set retry.limit of the {part} to 5", "Switch the {part} to the new endpoint", "Restart the {part}"),
    *("Raise the memory of the {part} to 2 GB", "Install the hotfix for the {part}"),
)
MOST = len(PARTS) * len(TROUBLES) * len(PLACES)


CODE = r"KX-\d{5}"
_FIRST = 20000


def code(number: int) -> str:
    """The error code that stands in one entry and in the questions about it, and nowhere else."""
    return f"KX-{_FIRST + number}"


def number_of(code: str) -> int:
    return int(code.removeprefix("KX-")) - _FIRST


def entry(number: int) -> tuple[str, str]:
    """Question and answer of an entry; all below MOST differ."""
    part, trouble, place = _words(number)
    remedy = REMEDIES[number % len(REMEDIES)].format(part=part)
    asked = f"The {part} {trouble} {place} with error {code(number)}. What helps?"
    told = (
        f"{code(number)} means that the {part} {trouble} because of a setting. {remedy}, then run it again."
    )
    return asked, told


def question(number: int) -> str:
    """How a customer asks for it."""
    part, trouble, place = _words(number)
    return f"Hi, our {part} {trouble} {place}, we get {code(number)}. How do we get it running again?"


def lines(count: int, *, tenant: str, space: str) -> Iterator[Placed]:
    """So many verified entries, for ``admin.exchange.import_lines``."""
    for number in range(count):
        asked, told = entry(number)
        line = Line(
            id=f"made-{number}", question=asked, answer=told, tenant=tenant, space=space, trust=Trust.VERIFIED
        )
        yield Placed(line=line, place=f"made:{number + 1}")


def _words(number: int) -> tuple[str, str, str]:
    rest, part = divmod(number, len(PARTS))
    place, trouble = divmod(rest, len(TROUBLES))
    return PARTS[part], TROUBLES[trouble], PLACES[place % len(PLACES)]
