"""What an operator can set about learning: one field is one setting, as in ``sections``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vigilbot.settings.rows import Seconds, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnSettings:
    """Learning from questions that the bot could not answer."""

    delay: Seconds = setting(
        300.0, "How long after an analyst's answer it is learned, unless the asker confirms sooner.", least=0
    )
    attempts: int = setting(3, "So many times a resolution is looked for before giving up.", least=1, most=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustSettings:
    """How far what was learned is trusted, and whom it may be told."""

    customers: int = setting(
        3,
        "So many customers whose on-calls came to an entry by themselves confirm it, as an analyst's Accept "
        "does. The customer of a shared or private channel is the channel.",
        least=2,
        most=100,
    )
    incident: Seconds = setting(
        43200.0,
        "What was learned within this time counts like what is confirmed: it may still go on.",
        least=0,
    )
    expires: Seconds = setting(
        172800.0,
        'What reads like a workaround for now ("until the fix", "status page") answers for this long, '
        "unless it is confirmed.",
        least=60,
    )
    automatic: bool = setting(
        False,
        "What so many customers were each told in a space of their own is told to all, redacted and only as "
        "far as all of them were told the same. Off: an analyst or operator reads the text first.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSettings:
    """Documents: links shared in on-calls, and what `vigilbot kb add` brings in."""

    hosts: Mapping[str, str] = setting(
        {},
        "What becomes of links by host: learn, ask (an analyst, first) or ignore. .example.com stands for "
        "all hosts below it, \"*\" for all others. Without a rule analysts' links are learned, customers' "
        "asked about.",
    )
    refresh: Seconds = setting(86400.0, "How often a page is looked at again for changes.", least=300)
    allow: tuple[str, ...] = setting(
        (),
        "Servers on private addresses that may be fetched from, as host:port. Without it only public "
        "addresses are spoken to, on ports 80 and 443.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewSettings:
    """Checking answers nobody accepted against what the humans said later."""

    quiet: Seconds = setting(
        1200.0, "An on-call quiet for this long is reviewed, even while it is open.", least=1
    )
    attempts: int = setting(3, "So many times a review is tried before giving up.", least=1, most=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingSettings:
    """Questions that wait for an answer learned elsewhere."""

    enabled: bool = setting(
        True, "When one on-call teaches an answer, every open on-call still waiting for it gets its card."
    )
    max_age: Seconds = setting(86400.0, "A question waits no longer than this.", least=60)
    similarity: float = setting(
        0.5,
        "Cosine similarity to what was just learned from which a waiting question is tried again.",
        least=0,
        most=1,
    )
