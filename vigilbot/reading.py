"""Learning from documents as configured: the fetcher, the reading process and the rules about hosts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from vigilbot.errors import BadSettings
from vigilbot.knowledge import Knowledge
from vigilbot.learning.documents import Documents
from vigilbot.learning.links import EVERY_HOST, Rule
from vigilbot.learning.pages import OwnFetcher
from vigilbot.learning.standing import Standing
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock
from vigilbot.providers.reader import ProcessReader
from vigilbot.providers.web import WebFetcher
from vigilbot.settings import Settings


def documents_of(
    settings: Settings,
    *,
    ledger: Ledger,
    knowledge: Knowledge,
    clock: Clock,
    standing: Standing | None = None,
    own: OwnFetcher = lambda url, tenant: None,
) -> Documents:
    """Raises BadSettings."""
    known = settings.documents
    return Documents(
        ledger=ledger,
        knowledge=knowledge,
        fetcher=fetcher_of(settings),
        reader=ProcessReader(),
        clock=clock,
        rules=rules_of(settings),
        refresh=timedelta(seconds=known.refresh),
        standing=standing,
        own=own,
    )


def leaving(settings: Settings) -> str:
    """What is fetched from the web of the bot's own accord, as one sentence. Raises BadSettings."""
    rules = rules_of(settings)
    named = sorted(host for host, rule in rules.items() if rule is not Rule.IGNORE and host != EVERY_HOST)
    if rules.get(EVERY_HOST) is not Rule.IGNORE:
        asks = "once an analyst says so" if rules.get(EVERY_HOST) is Rule.ASK else "at once"
        return (
            f"Pages that analysts link to are fetched {asks}, those that customers link to once an analyst "
            "says so: their servers see a request from my machine, without anything of the conversation."
        )
    if named:
        return f"Pages are fetched from {', '.join(named)} alone, when somebody links to them."
    return "No page that somebody links to is fetched."


def fetcher_of(settings: Settings) -> WebFetcher:
    """Raises BadSettings."""
    for entry in settings.documents.allow:
        host, _, port = entry.rpartition(":")
        if not host or not port.isdigit() or "/" in entry:
            raise BadSettings(
                f"'{entry}' is no host and port", place="documents.allow", remedy="Write wiki.internal:8080"
            )
    return WebFetcher(allow=settings.documents.allow)


def rules_of(settings: Settings) -> Mapping[str, Rule]:
    """Raises BadSettings."""
    rules = {}
    for host, rule in settings.documents.hosts.items():
        if rule not in [each.value for each in Rule]:
            raise BadSettings(
                f"'{rule}' is no rule", place=f"documents.hosts.{host}", remedy=f"One of {', '.join(Rule)}"
            )
        rules[host.strip().lower()] = Rule(rule)
    return rules
