"""Which links of a conversation lead to documents worth reading, and who may have them read (Vigil 3.2.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

from vigilbot.domain import Message, Role
from vigilbot.text import canonical_url, links

LINKS = 20  # of one message


class Rule(StrEnum):
    """What becomes of a link to a host."""

    LEARN = "learn"
    ASK = "ask"  # an analyst is asked first
    IGNORE = "ignore"


EVERY_HOST = "*"
_BY_ROLE = {Role.ANALYST: Rule.LEARN, Role.CUSTOMER: Rule.ASK, Role.PEER: Rule.ASK, Role.BOT: Rule.IGNORE}
_CHAT_HOSTS = ("feishu.cn", "larksuite.com", "larkoffice.com", "slack-files.com", "slack-edge.com")
_CHAT_PATHS = re.compile(r"/(?:archives|client|files|files-pri|messages|team|app_redirect|huddle)(?:/|$)")
_SECRETS = re.compile(
    r"(?:access_?|auth_?|id_?|session_?)?token|sig|signature|x-amz-.*|x-goog-.*|api_?key|secret|password|pwd"
    r"|auth|jwt",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link to record. ``rule`` is LEARN or ASK."""

    url: str
    key: str
    rule: Rule


def links_of(
    message: Message,
    role: Role,
    rules: Mapping[str, Rule],
    *,
    own: Callable[[str], bool] = lambda url: False,
) -> list[Link]:
    """The message's links by what is to become of them; those to be ignored are left out.

    ``rules`` are by host: ``wiki.example.com``, ``.example.com`` for all below it, ``*`` for the rest.
    Where none applies, an analyst's link is learned and anybody else's is asked about; only a rule that
    names the host spares the question. Nothing makes a bot's link count, nor one into the chat itself
    unless it is a document that the bot's ``own`` app can be asked for, nor one with a key or a password
    in it.
    """
    found: dict[str, Link] = {}
    if role is Role.BOT:
        return []
    for url in links(message.text)[:LINKS]:
        host = host_of(url)
        mine = bool(host) and own(url)
        if not host or (_is_chat(url, host) and not mine) or _tells_a_secret(url):
            continue
        rule = _rule(host, role, rules)
        key = canonical_url(url.partition("?")[0] if mine else url)  # who copied it stands in the query
        if rule is not Rule.IGNORE and key not in found:
            found[key] = Link(url=url, key=key, rule=rule)
    return list(found.values())


def _rule(host: str, role: Role, rules: Mapping[str, Rule]) -> Rule:
    if (named := rule_of(host, rules)) is not None:
        return named
    usual = _BY_ROLE[role]
    rest = rules.get(EVERY_HOST, usual)
    return usual if rest is Rule.LEARN else rest


def rule_of(host: str, rules: Mapping[str, Rule]) -> Rule | None:
    """The rule that names the host most closely; None where none does."""
    if host in rules:
        return rules[host]
    labels = host.split(".")
    for at in range(len(labels)):
        if (rule := rules.get("." + ".".join(labels[at:]))) is not None:
            return rule
    return None


def host_of(url: str) -> str:
    """In lower case, without a port; "" where there is none or a user name stands before it."""
    try:
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc:
            return ""
        return (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_chat(url: str, host: str) -> bool:
    """Permanent links to messages and files: they are in the ledger already, or are nobody's to fetch."""
    if any(host == known or host.endswith("." + known) for known in _CHAT_HOSTS):
        return not host.startswith(("open.", "www."))  # their documentation for everybody
    if host == "slack.com" or host.endswith(".slack.com"):
        return host.startswith(("app.", "files.")) or bool(_CHAT_PATHS.match(urlsplit(url).path))
    return False


def _tells_a_secret(url: str) -> bool:
    names = [name for name, _ in parse_qsl(urlsplit(url).query)]
    return any(_SECRETS.fullmatch(name) for name in names)
