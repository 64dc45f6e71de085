"""Is what a model wrote in what it was given? Checks that need no second model."""

from __future__ import annotations

from collections.abc import Iterable

from vigilbot.redact import MARK
from vigilbot.text import canonical_url, clean, fold, identifiers, language, links, sentences, tokens
from vigilbot.text.sameness import differs
from vigilbot.text.stopwords import STOPWORDS

FEW = 4  # words below which sharing says nothing

_LEAST_SAID = 0.3  # of a sentence's words; 128 of 130 resolutions that people wrote down reach it
_MOST_OF = 0.5  # of a changed sentence's new words, or of a kept one's words

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
    words = _telling(text)
    if len(words) < FEW or language(text) != language(whole):
        return None
    return len(words & set(tokens(clean(whole)))) / len(words)


def supported(text: str, said: Iterable[str]) -> bool:
    """Whether every sentence repeats enough of what ``said`` says, in words that tell something.

    The question does not count: it is a customer's, and whoever may write what is learned must not be one.
    """
    known = _telling("\n".join(said))
    return all(_repeats(sentence, known) for sentence in sentences(text))


def reworded(text: str, before: Iterable[str], said: Iterable[str]) -> bool:
    """Whether every sentence is one of ``before``, one that ``said`` supports, or made of both alone."""
    old = [sentence for each in before for sentence in sentences(each)]
    known, new = _telling("\n".join(old)), _telling("\n".join(said))
    for sentence in sentences(text):
        added = _telling(sentence) - known
        made = len(added & new) >= _MOST_OF * len(added) if added else _kept(sentence, old)
        if not made and not _repeats(sentence, new):
            return False
    return True


def _kept(sentence: str, old: Iterable[str]) -> bool:
    """Whether it says what one of the old sentences says, and not its contrary."""
    words = _telling(sentence)
    return any(
        not differs(sentence, each) and len(words & _telling(each)) >= _MOST_OF * len(words) for each in old
    )


def _repeats(sentence: str, known: frozenset[str]) -> bool:
    words = _telling(sentence)
    return len(words & known) >= _LEAST_SAID * len(words)


def _telling(text: str) -> frozenset[str]:
    return frozenset(word for word in tokens(clean(text)) if word not in _COMMON)
