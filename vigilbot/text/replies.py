"""What a single message does in a support conversation: claims, confirms, denies, asks back, answers.

Judged by set phrases in about a dozen languages (vigilbot.text.phrases), by form and by shared terms; an
embedding's cosine may be given where there is one. Cheap enough for every message at every send; a
text of any size is read to its first 3,000 characters.
"""

from __future__ import annotations

import re
from functools import lru_cache

from vigilbot.text import clean, fold, identifiers, links, sentences, tokens
from vigilbot.text.phrases import Phrase, pattern
from vigilbot.text.stopwords import STOPWORDS, word_set

_READ = 3000
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE = re.compile(r"`[^`\n]{1,300}`")
_MENTION = re.compile(r"(?<![\w.])@[\w.\-]{1,60}|<[@#!][^>\s]{1,80}>")
_EMOJI = re.compile(
    r"(?<!\w):[a-z0-9_+\-]{1,40}:|[\U0001F300-\U0001FAFF\u2600-\u27bf\ufe0f\u200d]|(?<!\w)[:;]-?[)D(Pp](?!\w)"
)
_URL = re.compile(r"https?://\S{1,2000}")
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e吗嗎]")
_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_BUT = re.compile(
    r"(?<!\w)(?:but|however|although|except|unfortunately|aber|jedoch|leider|mais|pero|sin embargo|mas"
    r"|porem|ma"
    r"|pero|maar|men|ale|но|однако|але|ama|fakat|tapi|لكن)(?!\w)|但是|不过|可是|でも|しかし|ですが|하지만|그런데|แต่"
)
_NOT = re.compile(
    r"(?<!\w)(?:not|n't|nicht|pas|no|nao|non|niet|inte|ikke|nie|не|tidak|لم|لا)(?!\w)|n't\b"
    r"|不|没|ない|ません|안 "
)
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_COMMON = frozenset(word for words in STOPWORDS.values() for word in words)
_FILLERS = word_set(
    "a all there so very much lot lots for the your you everyone again and to ok okay oh haha lol too "
    "well sir madam"
    " us of course welcome very sure here"
)
_UNSPACED_FILLERS = re.compile(
    r"(?:好(?:的|吧|嘞|哒|滴)?|收到了?|明白了?|知道了|了解了?|懂了|嗯+|哦+|哈+|呵+|行|没事|不客气|不用谢|非常|十分"
    r"|太|您|你|大家|各位|老师|啦|呢)+"
)
_ASKS_EARLY = 12  # characters into a sentence without a question mark where asking starts at the latest
_CONTENT_AFTER = 3  # words beyond a greeting that make a message more than one


@lru_cache(maxsize=4096)
def _prose(text: str) -> str:
    """Folded text without code, links, mentions and emoji."""
    text = _FENCE.sub(" ", clean(text[:_READ]))
    text = _URL.sub(" ", _INLINE.sub(" ", text))
    return " ".join(fold(_EMOJI.sub(" ", _MENTION.sub(" ", text))).replace("\u2019", "'").split())


def has_code(text: str) -> bool:
    """Whether the message shows code."""
    return "`" in text


def _more_than_prose(text: str) -> bool:
    return has_code(text) or bool(_URL.search(text[:_READ]))


@lru_cache(maxsize=4096)
def content_terms(text: str) -> frozenset[str]:
    """The words that say what a text is about: no stop words, no single letters, no bare links."""
    return frozenset(t for t in tokens(_URL.sub(" ", text[:_READ])) if len(t) > 1 and t not in _COMMON)


def is_greeting(text: str) -> bool:
    """Whether the message greets and says nothing else ("hi", "hello @Ann, thanks for waiting")."""
    prose = _prose(text)
    if not pattern(Phrase.GREETING).search(prose) or _more_than_prose(text):
        return False
    rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", prose))
    return len(_terms(rest)) < _CONTENT_AFTER and not _QUESTION.search(rest)


def is_thanks(text: str) -> bool:
    """Whether the message thanks, whatever else it says."""
    return bool(pattern(Phrase.THANKS).search(_prose(text)))


def is_small_talk(text: str) -> bool:
    """Whether nothing is left beside greetings, thanks, claims and emoji."""
    if _more_than_prose(text):
        return False
    rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", _prose(text)))
    return not [w for w in _WORD.findall(rest) if w not in _FILLERS and not _UNSPACED_FILLERS.fullmatch(w)]


def acknowledges(text: str, question: str, *, cosine: float | None = None, direct: bool = True) -> bool:
    """Whether an analyst's message takes on this very question ("I'm on it", "looking into it").

    A general greeting ("hi, looking") takes on nothing. A claim that names something else than the
    question does not either. ``direct``: no other customer's question stands between.
    """
    prose = _prose(text)
    claim = pattern(Phrase.CLAIM).search(prose)
    if not claim or len(prose) > 400 or links(text) or asks_back(text):
        return False
    about = pattern(Phrase.GREETING).sub(" ", pattern(Phrase.CLAIM).sub(" ", prose))
    named = frozenset(_terms(pattern(Phrase.CLAIM_OBJECTS).sub(" ", about)))
    if named & content_terms(fold(question)):
        return True
    if sum(0.3 if _UNSPACED.match(term) else 1.0 for term in named) > 2:
        return cosine is not None and cosine >= 0.4
    return direct and not _is_bare_look(prose)


def goes_on(text: str, earlier: str) -> bool:
    """Whether a customer's message goes on about what they asked ``earlier``: it shares words with it, or
    has hardly any of its own ("any news?")."""
    own = content_terms(fold(text))
    return len(own) < _CONTENT_AFTER or bool(own & content_terms(fold(earlier)))


def _is_bare_look(prose: str) -> bool:
    """ "hi, looking" and "checking" name nothing."""
    rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", prose))
    return len(_WORD.findall(rest)) <= 1 and rest.isascii()


def confirms(text: str) -> bool:
    """Whether the asker says that it worked. Thanks alone do not; "but" or a question take it back."""
    prose = _prose(text)
    match = pattern(Phrase.CONFIRM).search(prose)
    if not match or _QUESTION.search(prose) or denies(text):
        return False
    before = prose[max(0, match.start() - 14) : match.start()]
    if _NOT.search(before):
        return False
    return not _BUT.search(prose[match.end() :])


def denies(text: str) -> bool:
    """Whether the asker says that it did not help or is still broken."""
    return bool(pattern(Phrase.DENY).search(_prose(text)))


def rejects_answer(text: str, *, directed: bool = False) -> bool:
    """Whether a human says that an answer given here is wrong ("ignore the bot", "that's not it").

    ``directed``: the message is known to be about the answer (the next one after a card, a reply to
    it). Otherwise it must name the bot, the card or the answer.
    """
    prose = _prose(text)
    found = (m.start() for m in pattern(Phrase.REJECT).finditer(prose))
    match = next((start for start in found if not _supposed(prose, start)), None)
    if match is None or _QUESTION.search(prose[match : match + 80]):
        return False
    return directed or bool(_NAMES_ANSWER.search(prose))


def _supposed(prose: str, start: int) -> bool:
    """Whether what stands there is only supposed: "if that doesn't work, restart it"."""
    clause = _CLAUSE_END.split(prose[max(0, start - _SUPPOSED) : start])[-1]
    rest = _CLAUSE_END.split(prose[start : start + _SUPPOSED])[0]
    return bool(_IF.search(clause) or _UNSPACED_IF.search(clause + rest))


_SUPPOSED = 60  # characters within which a clause says that it supposes
_CLAUSE_END = re.compile(r"[.!?,;:()\u3002\uff01\uff1f\uff0c\u3001\uff1b\uff1a\u060c\u061f]")
_IF = re.compile(
    r"(?<!\w)(?:if|should|in case|wenn|falls|sollte\w*|si|se|caso|als|indien|mocht|om|hvis|jesli|jezeli|gdyby"
    r"|pokud|daca|если|якщо|eger|kalau|jika|إذا|اذا|אם)(?!\w)"
)
_UNSPACED_IF = re.compile(r"如果|要是|假如|若|たら|れば|場合|なら|경우|면(?!\w)|ถ้า|หาก")


_NAMES_ANSWER = re.compile(
    r"(?<!\w)(?:(?:vigil)?bots?(?:u|ten)?|card|automated|assistant|karte|antwort|reponse|respuesta"
    r"|resposta|risposta|antwoord"
    r"|antworten|svar|svaret|botten|boten|odpowiedz|bota?|бот\w*|ответ\w*|jawaban\w*"
    r"|the (?:above )?(?:answer|reply|suggestion)"
    r"|answer above|الروبوت|البوت|הבוט)(?!\w)|机器人|ボット|봇"
    r"|(?:这|那|上面|上述|刚才)(?:个|的|张|条)*(?:回答|答案|卡片|建议)"
)


@lru_cache(maxsize=4096)
def asks_back(text: str) -> bool:
    """Whether the message mainly asks for more. A suggestion in question form ("have you tried") does not."""
    if _FENCE.search(text[:_READ]) or links(text[:_READ]):
        return bool(pattern(Phrase.ASK_MORE).search(_prose(text))) and _only_asks(text)
    return _only_asks(text)


def _only_asks(text: str) -> bool:
    asking = stating = 0
    for sentence in sentences(text[:_READ]):
        if sentence.startswith("```"):
            stating += 4
            continue
        prose = _prose(sentence)
        rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", prose))
        size = len(_WORD.findall(rest)) if rest.isascii() else max(len(_WORD.findall(rest)), len(rest) // 4)
        question = bool(_QUESTION.search(prose[-3:])) and not pattern(Phrase.HEDGE).search(prose)
        more = pattern(Phrase.ASK_MORE).search(rest)
        if more and not question and more.start() > _ASKS_EARLY:
            more = None
        suggests = bool(pattern(Phrase.SUGGEST).match(rest.strip())) and not _asks_details(rest)
        if (more or question) and not suggests:
            asking += max(size, 1)
        elif not pattern(Phrase.CLAIM).search(rest):
            stating += size
    return asking > 0 and asking >= stating


def _asks_details(prose: str) -> bool:
    return bool(re.match(r"(?:can|could|would) (?:you|we|i)", prose.strip())) and bool(
        pattern(Phrase.ASK_MORE).search(prose)
    )


def hedged(text: str) -> float:
    """The share of sentences with content that are guesses, 0 to 1."""
    kept = [p for p in (_prose(s) for s in sentences(text[:_READ])) if len(_terms(p)) > 0]
    return sum(bool(pattern(Phrase.HEDGE).search(p)) for p in kept) / len(kept) if kept else 0.0


def knows_nothing(text: str) -> bool:
    """Whether the message says that its author does not know, and little else."""
    if links(text[:_READ]) or _FENCE.search(text[:_READ]):
        return False
    kept = [p for p in (_prose(s) for s in sentences(text[:_READ])) if p]
    unknown = [p for p in kept if pattern(Phrase.UNKNOWN).search(p) and len(p.split()) <= 14]
    return len(unknown) * 2 > len(kept)


@lru_cache(maxsize=4096)
def definitive(text: str) -> bool:
    """Whether the message states something as so: no guess, no "no idea", no question, no small talk.

    One plain statement among guesses is enough; a link shared or code shown is a statement.
    """
    if is_small_talk(text) or asks_back(text):
        return False
    if links(text[:_READ]) or _FENCE.search(text[:_READ]):
        return True
    if knows_nothing(text):
        return False
    return any(_states(sentence) for sentence in sentences(text[:_READ]))


def _states(sentence: str) -> bool:
    prose = _prose(sentence)
    rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", prose)).strip()
    if not _terms(rest) and not has_code(sentence) and not rest:
        return False
    if pattern(Phrase.HEDGE).search(prose):
        return False
    claim = pattern(Phrase.CLAIM).search(rest)
    if claim and claim.start() < _ASKS_EARLY:
        left = pattern(Phrase.CLAIM_OBJECTS).sub(" ", pattern(Phrase.CLAIM).sub(" ", rest))
        if sum(0.3 if _UNSPACED.match(w) else 1.0 for w in _WORD.findall(left)) < 3:
            return False
    return not _QUESTION.search(prose[-3:]) or bool(pattern(Phrase.SUGGEST).match(rest))


def is_private(text: str) -> bool:
    """Whether the message concerns one person's account or leaves for a private channel."""
    return bool(pattern(Phrase.PRIVATE).search(_prose(text)))


def addresses(text: str, question: str, *, cosine: float | None = None, position: int = 0) -> bool:
    """Whether an analyst's message addresses the question, so that an answer of ours comes too late.

    ``position``: how many other messages of analysts came between question and message; ``cosine``:
    of message and question. Greetings, claims and ask-backs address nothing.
    """
    if is_greeting(text) or is_small_talk(text) or knows_nothing(text) or asks_back(text):
        return False
    if acknowledges(text, question):
        return False
    if links(text[:_READ]):
        return position <= 2 or (cosine or 0.0) >= 0.3
    evidence = 0.0 if cosine is None else 3.0 * (cosine - 0.25)
    evidence += 0.5 * min(3, len(content_terms(text) & content_terms(question)))
    evidence += 0.6 if has_code(text) else 0.0
    evidence += {0: 0.6, 1: 0.3}.get(position, 0.0)
    evidence += 0.3 if len(_terms(_prose(text))) >= 6 else 0.0
    return evidence >= 0.8


def _terms(prose: str) -> list[str]:
    return [t for t in tokens(prose) if len(t) > 1 and t not in _COMMON]


def shared_identifiers(a: str, b: str) -> frozenset[str]:
    """Error codes, versions, names in code that both texts mention."""
    return frozenset(fold(i) for i in identifiers(a)) & frozenset(fold(i) for i in identifiers(b))
