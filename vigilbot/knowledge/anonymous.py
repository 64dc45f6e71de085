"""Text without what says whose it was: names of people, channels and customers, and addresses with them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vigilbot.text import fold

SOMEBODY, ELSEWHERE, CUSTOMER = "somebody", "another channel", "a customer"
NOT_SHOWN = "(a link that is not shown here)"
SHORT = 3  # letters from which a part of a name stands for the whole
LONG = 5  # letters from which a customer's name is seen inside of a word
_PERSON = re.compile(r"(?<![\w.])@[\w.-]*\w")
_CHANNEL = re.compile(r"(?<![\w&/])#(?=[^\W\d])[\w-]+")
_URL = re.compile(r"https?://[^\s<>()\[\]\"']+", re.IGNORECASE)
_ARTICLE = re.compile(rf"\b(the|this|that|our|your|their) {CUSTOMER}\b", re.IGNORECASE)
_PARTS = re.compile(r"[^\W_]+")
_GENERAL = frozenset(
    """
    the and for with our your ext external shared share internal private public support help
    helpdesk team teams channel chat connect customer customers client clients partner
    partners project general questions random admin administrator user users service services
    bot app vigilbot analyst engineer engineering oncall ops dev prod test staging kunde
    kunden equipe soporte suporte supporto
    """.split()  # noqa: SIM905
)
"""Words in names of channels and accounts that say nothing about whose they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What must not be read: names of people, of channels, words that name a customer, and ids."""

    people: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()


def unnamed(text: str) -> str:
    """The text without mentions and channel links."""
    return _CHANNEL.sub(ELSEWHERE, _PERSON.sub(SOMEBODY, text))


def customer_words(channel: str) -> list[str]:
    """The words of a channel's name that may be a customer's: ``acme`` of ``ext-acme-support``."""
    return [part for part in _PARTS.findall(channel) if _telling(part)]


def anonymous(text: str, names: Names) -> str:
    """The text with what it names taken out; a link that holds a name goes as a whole."""
    pieces, at = [], 0
    for found in _URL.finditer(text):
        pieces.append(_without(text[at : found.start()], names))
        pieces.append(found[0] if keeps(found[0], names) else NOT_SHOWN)
        at = found.end()
    pieces.append(_without(text[at:], names))
    return "".join(pieces)


def keeps(url: str, names: Names) -> bool:
    """Whether an address says nothing about whose it is."""
    return _without(url, names, exact=False) == url


def _without(text: str, names: Names, *, exact: bool = True) -> str:
    text = _replace(text, names.channels, ELSEWHERE)
    text = _ARTICLE.sub(r"\1 customer", _replace(text, names.customers, CUSTOMER, within=LONG))
    text = _replace(text, _people(names.people), SOMEBODY)
    return unnamed(text) if exact else text


def _people(names: Iterable[str]) -> list[str]:
    """Full names and their parts, the longest first."""
    found = {name.strip() for name in names if len(name.strip()) >= SHORT}
    found |= {part for name in names for part in _PARTS.findall(name) if _telling(part)}
    return list(found)


def _telling(part: str) -> bool:
    long = len(part) >= (SHORT if part.isascii() else 2)
    return long and not part.isdigit() and fold(part) not in _GENERAL


def _replace(text: str, words: Iterable[str], instead: str, *, within: int = 0) -> str:
    """Names as words of their own or joined to others by - and _, which go with them; those of ``within``
    letters and more also inside of a word."""
    known = sorted({w.lstrip("#@") for w in words if w.strip("#@ ")}, key=lambda w: (-len(w), w))
    if not known:
        return text
    patterns = [re.escape(word) for word in known if not word.isascii()]
    spaced = [
        rf"[^\W_]*{re.escape(word)}[^\W_]*" if within and len(word) >= within else re.escape(word)
        for word in known
        if word.isascii()
    ]
    if spaced:
        joined = "|".join(spaced)
        before, after = r"(?<![^\W_])[#@]?(?:[^\W_]+[-_]){0,6}", r"(?![^\W_])(?:[-_][^\W_]+){0,6}"
        patterns.append(f"{before}(?:{joined}){after}")
    return re.sub("|".join(patterns), instead, text, flags=re.IGNORECASE)
