"""Is what a model wrote in what it was given? Checks that need no second model."""

from __future__ import annotations

from collections.abc import Iterable

from vigilbot.redact import MARK
from vigilbot.text import canonical_url, clean, fold, identifiers, language, links, tokens
from vigilbot.text.stopwords import STOPWORDS

FEW = 4  # words below which sharing says nothing

_COMMON = frozenset(word for words in STOPWORDS.values() for word in words)


def tells_secrets(text: str) -> bool:
    """Whether it repeats the place of something that was taken out of what the model read."""
    return MARK in text


def foreign_links(text: str, sources: Iterable[str]) -> tuple[str, ...]:
    """Addresses that none of the sources has."""
    known = {canonical_url(url) for source in sources for url in links(source)}
    return tuple(url for url in links(text) if canonical_url(url) not in known)


def copied(text: str, sources: Iterable[str]) -> float:
    """The share of its codes, versions, commands and paths that stand in the sources; 1 for none at all."""
    named = identifiers(clean(text))
    if not named:
        return 1.0
    whole = fold(clean("\n".join(sources)))
    return sum(fold(name) in whole for name in named) / len(named)


def shared(text: str, sources: Iterable[str]) -> float | None:
    """The share of its telling words that the sources have too; None where they cannot be compared."""
    whole = "\n".join(sources)
    words = {word for word in tokens(clean(text)) if word not in _COMMON}
    if len(words) < FEW or language(text) != language(whole):
        return None
    return len(words & set(tokens(clean(whole)))) / len(words)
