"""Whether a stranger with the same question could use what was taken from a conversation.

People who talk to each other answer half a question, tell of themselves and think aloud: right there, and of
no use to anybody else. A logistic regression over a few plain signs of the whole resolution tells the two
apart; its weights stand in extract.json beside those that judge single messages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from vigilbot.domain import Dialogue, Message, Question, Role
from vigilbot.engines.extractive.evidence import Evidence
from vigilbot.text import fold, language, links, replies, sentences

_LONGEST = 3000  # characters of a message that are read
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,300}`", re.DOTALL)
_ASKS = re.compile(r"[?\uff1f\u061f]")
_APART = (r"(?<![\w./@-])(?:", r")(?![\w/@-]|\.\w)")  # no part of a name, a path or an address
# Folded text, like all below. Without the Chinese "my": in a menu it is the reader's.
_SELF = re.compile(
    r"i'm|i've|i'd|i'll|ive|my|mine|me|ich|mein\w*|mir|mich|je|j'ai|j'\w+|moi|yo"
    r"|meu|minha|mim|ik|mijn|mij|jag|jeg|moj\w*|mnie|benim|я|мой|моя|мое|мне|меня".join(_APART)
    + r"|我(?![的们們])|私は|私の|僕|나는|저는"
)
# What means something else in other languages, or is a name there; "" where the language is unsure.
_SELF_IN = {
    name: re.compile(words.join(_APART))
    for name, words in {
        "": "i|im",
        "en": "i|im",
        "es": "mi|mis",
        "fr": "mon",
        "it": "io|mi|mio|mia",
        "pt": "eu",
        "ro": "eu",
    }.items()
}
_YOU = re.compile(
    r"(?<!\w)(?:you|your|you're|you'd|you'll|one can|du|dein\w*|dich|dir|sie|ihr\w*|vous|votre|vos"
    r"|tu|ton|usted"
    r"|tus|su|voce|seu|sua|lei|suo|je kunt|jouw|uw|din|ditt|ty|twoj\w*|вы|ваш\w*|ты|твой|sen"
    r"|siz)(?!\w)|你|您|あなた|당신"
)
_INSTRUCTS = re.compile(
    r"(?<!\w)(?:please|you (?:can|could|should|need|have to|must|may|might|'ll need)|you'll (?:need"
    r"|have)|try|use|see"
    r"|check|click|visit|go to|follow|make sure|look at|read|select|open|run|set|add|remove|install|contact"
    r"|bitte|versuch\w*|sie konnen|du kannst|klicken|veuillez|vous pouvez|tu peux|cliquez|por favor"
    r"|puedes?|haga"
    r"|clique|acesse|voce pode|per favore|puoi|provi?|clicca|alstublieft|je kunt|probeer|klik"
    r"|prosze|mozesz|sprobuj"
    r"|пожалуйста|попробуйте|нажмите|можно|lutfen)(?!\w)|请|可以|点击|ください|してみて|하세요|주세요"
)
_ADVISED = re.compile(rf"(?<!\bi )(?:{_INSTRUCTS.pattern})")  # "I see" tells nobody what to do
_TOLD = re.compile(
    r"(?<!\w)(?:(?:i|we)(?:'ve| have|'d| had)?(?: (?:just|also|only|once|never|always|actually"
    r"|already|recently))*"
    r" (?:\w+ed|was|were|had|did|got|went|saw|made|found|thought|ran|wrote|forgot|meant|said|knew|felt)"
    r"|ich (?:habe?|hatte|war|bin)|j'(?:ai|avais|etais)|yo \w+[ei]|(?:he|habia) \w+[ai]do|eu \w+ei"
    r"|ho \w+[aiu]to|ik (?:heb|had|was)|jag (?:har|hade|var)|я \w+ла?)(?!\w)"
    r"|我(?:之前|以前|当时|也是|遇到|试过|用过)"
)
_ALOUD = re.compile(
    r"(?<!\w)(?:lol|ha(?:ha)+|he(?:he)+|hm+|wow|oh|ah+|heh|aha|damn|oops|whoa|yay|nice|cool|great"
    r"|awesome|indeed"
    r"|fwiw|iirc|imh?o|tbh|anyways?|naja|bof|jaja\w*|kkk+|哈哈+|呵呵|笑|ㅋㅋ+"
    r"|ㅎㅎ+)(?!\w)|:[a-z_+\-]{2,30}:"
)


def signs(
    kept: Sequence[tuple[Evidence, float]], dialogue: Dialogue, question: Question
) -> Mapping[str, float]:
    """Numbers of about -3 to 3, from the messages taken and how likely each is part of the resolution.

    ``cosine`` is there only with the embeddings that the messages were judged by.
    """
    messages = [row.message for row, _ in kept]
    text = "\n".join(m.text[:_LONGEST] for m in messages)
    said = [s for m in messages for s in sentences(m.text[:_LONGEST])]
    prose = [fold(_CODE.sub(" ", s)) for s in said]
    best = min(0.999, max(0.001, max(p for _, p in kept)))
    found = {
        "probability": math.log(best / (1 - best)),
        "shared": math.log1p(len(replies.content_terms(text) & replies.content_terms(question.text))),
        "code": float("`" in text),
        "instructs": _share([bool(_INSTRUCTS.search(p)) for p in prose]),
        "about_self": _share(_about_self(prose, language(text))),
        "tells": _share([bool(_TOLD.search(p)) for p in prose]),
        "aloud": _share([bool(_ALOUD.search(fold(s))) for s in said]),
        "thanked": max(row.form["thanked_after"] for row, _ in kept),
        **_company(messages, dialogue),
    }
    if all(row.nearness for row, _ in kept):
        found["cosine"] = max(row.nearness["cosine"] for row, _ in kept)
    return found


def _company(messages: Sequence[Message], dialogue: Dialogue) -> dict[str, float]:
    """Whether who answers had come to ask as well, and how many talk: a crowd talks of other things."""
    authors = {m.author for m in messages}
    earlier = dialogue.messages[: dialogue.messages.index(messages[0])]
    crowd = {m.author for m in earlier if m.role in (Role.ANALYST, Role.PEER)} | authors
    return {
        "seeks": float(any(m.author in authors and _ASKS.search(m.text[:_LONGEST]) for m in earlier)),
        "crowd": math.log(len(crowd)),
    }


def only_about_self(text: str) -> bool:
    """Whether everything a message says is about its author: nothing shown, linked or advised."""
    if "`" in text or links(text[:_LONGEST]):
        return False
    prose = [fold(s) for s in sentences(text[:_LONGEST])]
    told = _about_self(prose, language(text[:_LONGEST]))
    return bool(prose) and all(told) and not any(_ADVISED.search(p) for p in prose)


def _about_self(prose: Sequence[str], spoken: str) -> list[bool]:
    """For every sentence in the language ``spoken``, folded."""
    also = _SELF_IN.get(spoken)
    return [
        bool(_SELF.search(p) or (also is not None and also.search(p))) and not _YOU.search(p) for p in prose
    ]


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else 0.0
