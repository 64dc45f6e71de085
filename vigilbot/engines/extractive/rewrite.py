# ruff: noqa: RUF001 - words of many languages
"""Rewriting without a language model (Vigil 3.1.2): self-contained questions in the customer's own words.

The burst is joined, courtesy dropped, composite questions are split; what refers to something said
before ("and for 8.0?", "it fails too") is preceded by the sentences that say what it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vigilbot.domain import Dialogue, Message, Question, Role
from vigilbot.text import clean, fold, identifiers, replies, sentences
from vigilbot.text.phrases import Phrase, pattern
from vigilbot.text.stopwords import word_set

MOST = 3  # questions made of one burst
WINDOW = 200  # of the embedding model's 256 word pieces, by a rough count; identifiers cost more
_CONTEXT = 90  # of them for what was said before
_READ = 40_000  # characters of one message
_BACK = 30  # messages looked back at
_FEW = 4  # terms of content below which a text hardly stands by itself
_SOME = 7
_SENTENCE = 420  # characters of one sentence

_MENTION = re.compile(r"(?<![\w/.`])@[\w][\w.\-]{0,60}[,:]?|<[@!#][^>\s]{1,80}>")
_EMOJI = re.compile(r"(?<!\w):[a-z][a-z0-9_+\-]{1,40}:(?!\w)|[\U0001F300-\U0001FAFF\u2600-\u27bf\ufe0f]")
_ASKS = re.compile(r"[?\uff1f\u061f\u037e]\W{0,4}$")
_OPENS = re.compile(
    r"^\W*(?:so |and |but |also |ok(?:ay)? |hi |hello |hey |please )*(?:how|what|what's|why|where|when"
    r"|which|who|is there|are there"
    r"|can|could|should|does|do (?:i|we|you)|is it|any (?:idea|way|chance|suggestion)\w*|anyone"
    r"|has any(?:one|body)|i wonder|i'm wondering"
    r"|wie|warum|wieso|wo|wann|welche\w*|gibt es|kann (?:ich|man)|comment|pourquoi|ou |quand|quel\w*"
    r"|est-ce|como|por que|donde|cuando"
    r"|cual\w*|onde|quando|qual\w*|come|perche|dove|hoe|waarom|waar|wanneer|welke|hur|varfor|var |nar "
    r"|jak|dlaczego|gdzie|kiedy|czy"
    r"|как|почему|где|когда|какой|можно ли|чому|як|де|nasil|neden|nerede|bagaimana|kenapa|apakah)(?!\w)"
    r"|怎么|如何|为什么|哪里|请问|吗|どう|なぜ|どこ|方法|어떻게|왜|어디"
)
_WH = re.compile(
    r"^\W*(?:and |so )?(?:how|where|when|which|why|wie|wo|wann|warum|comment|ou|quand|pourquoi"
    r"|como|donde|cuando|onde"
    r"|quando|come|dove|hoe|waar|hur|var|jak|gdzie|как|где|когда)(?!\w)"
)
_CONTINUES = re.compile(
    r"^\W*(?:and|also|but|or|so|then|what about|how about|same|plus|yes|yeah|yep|no|nope|ok|ah|oh|it's"
    r"|its|it|this|that|they|und|auch"
    r"|aber|oder|ja|nein|et|aussi|mais|ou|oui|non|y|tambien|pero|o|si|e|tambem|mas|ou|sim|nao|anche|ma"
    r"|en|ook|maar|nee|och|ocksa|men|nej"
    r"|a|i|tez|ale|tak|nie|и|а|но|тоже|да|нет|ve|peki|ama|evet|dan|juga|tapi)(?!\w)|^(?:那|还有|也|但|そして|また"
    r"|でも|はい|그럼|그리고|네)"
)
_REFERS = re.compile(
    r"(?<!\w)(?:it|its|it's|this|that|that's|these|those|they|them|there|same|one|too|either|instead"
    r"|again|the other|das|dies\w*|damit"
    r"|davon|dort|auch|derselbe|ca|cela|ceci|aussi|meme|celui|eso|esto|ese|esa|tambien|mismo|isso|isto"
    r"|esse|essa|tambem|mesmo|questo"
    r"|quello|anche|stesso|dit|dat|ook|hetzelfde|det|den|ocksa|samma|to|tego|tez|samo|это|этот|эта|тоже"
    r"|такое|то же|bu|bunu|ayni|itu"
    r"|ini|juga|sama)(?!\w)|这|那|它|也|同样|これ|それ|あれ|同じ|이거|그거|그것|똑같"
)
_ADDS = re.compile(
    r"^\W*(?:also|and also|another (?:question|thing|one)|one more|second(?:ly)?|third(?:ly)?|next|plus"
    r"|by the way|btw|additionally"
    r"|furthermore|besides|separately|\d[.)]|ausserdem|zusatzlich|noch eine frage|und (?:wie|wo|warum"
    r"|wann|kann|gibt)|aussi|de plus"
    r"|autre question|ademas|otra (?:cosa|pregunta)|y (?:como|donde|por que|cuando)|alem disso"
    r"|outra (?:coisa|pergunta|duvida)|e (?:como"
    r"|onde|dove|perche|quando)|inoltre|altra domanda|daarnaast|nog een vraag|en (?:hoe|waar|waarom)"
    r"|dessutom|en fraga till|poza tym"
    r"|jeszcze jedno|также|еще (?:вопрос|один)|и (?:как|где|почему)|а также|ayrica|bir de|selain itu"
    r"|satu lagi)(?!\w)|^(?:另外|还有|此外|また|それと|또)"
)
_SPLIT = re.compile(
    r"(?<=\w),? (?=(?:and|also|und|et|y|e|en|och|и) (?:also )?(?:how|where|why|when|which|what|can i"
    r"|is there|wie|wo|warum|wann|comment|ou est"
    r"|pourquoi|como|donde|onde|dove|come|hoe|waar|hur|как|где|почему)\b)",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"error|exception|fail|crash|broken|not work|n't work|cannot|can't|unable|won't|undefined|invalid"
    r"|denied|stuck|fehler|erreur|erro\b"
    r"|errore|fout|blad|ошибк|не работает|hata|エラー|错误|오류",
    re.IGNORECASE,
)
_GENERIC = word_set(
    "problem issue help question anyone someone somebody anybody know works work working trying try "
    "tried idea ideas thing things want"
    " need like looking please thanks sorry hi hello hey guys everyone ask fine good great really "
    "question got think see way yeah"
)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    asks: bool
    terms: frozenset[str]
    message: str

    @property
    def cost(self) -> int:
        return _cost(self.text)


class Rewriter:
    """Self-contained questions from the newest messages of a customer; never empty for messages with text."""

    def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        """At most ``MOST`` questions; each names the newest messages it stands for. Nothing: no text."""
        newest = _asking(dialogue, newest)
        pieces = [p for m in newest for p in _pieces(m)] or [p for m in newest for p in _last_resort(m)]
        if not pieces:
            return ()
        before = _before(dialogue, newest)
        context = _context(before, pieces) if _leans(pieces, before) else []
        hints = _hints(dialogue, newest) if context else ()
        questions: list[Question] = []
        for group in _groups(pieces):
            lead = context if _leans(group, before) or len(questions) == 0 else []
            chosen = _fitting(group, WINDOW - sum(p.cost for p in lead))
            text = " ".join(p.text if "```" in p.text else p.text.strip() for p in (*lead, *chosen))
            ids = tuple(dict.fromkeys(p.message for p in group if p.message))
            questions.append(
                Question(text=text, message_ids=_covering(ids, newest, group, pieces), terms=hints)
            )
        return tuple(questions)


def _asking(dialogue: Dialogue, newest: Sequence[Message]) -> Sequence[Message]:
    """Without "thanks, that worked" to somebody who helped within the burst: it is no part of the question,
    and what helped has to come after the question to be found. What answers a question back is part of it.
    """
    ids = {m.id for m in newest}
    helped = False
    asked = False  # the last helper's words were a question back: "it works in Chrome" answers it
    reactions: set[str] = set()
    begun = False
    for message in dialogue.messages:
        begun = begun or message.id in ids
        if message.role in (Role.ANALYST, Role.PEER):
            helped = helped or begun
            asked = _asks_back(message.text[:_READ])
        if (
            helped
            and not asked
            and message.id in ids
            and (replies.confirms(message.text) or replies.is_small_talk(message.text))
        ):
            reactions.add(message.id)
    return [m for m in newest if m.id not in reactions] or newest


def _asks_back(text: str) -> bool:
    """ "Does it work in Chrome?", not "Have you tried Chrome?", which helps."""
    return replies.asks_back(text) or (bool(_ASKS.search(text.rstrip())) and not replies.definitive(text))


def _covering(
    ids: tuple[str, ...], newest: Sequence[Message], group: list[_Piece], pieces: list[_Piece]
) -> tuple[str, ...]:
    """A single question stands for the whole burst."""
    return tuple(m.id for m in newest) if group == pieces else ids


def _pieces(message: Message) -> list[_Piece]:
    """The sentences of a message that say something, without mentions, emoji and courtesy."""
    found: list[_Piece] = []
    for sentence in sentences(clean(message.text[:_READ])):
        if sentence.startswith("```"):
            found.append(_code(sentence, message.id))
            continue
        bare = " ".join(_EMOJI.sub(" ", _MENTION.sub(" ", sentence)).split()).strip(" ,")
        if not bare or replies.is_small_talk(bare) or replies.is_greeting(bare):
            continue
        bare = _ungreeted(bare)
        for part in _SPLIT.split(bare) if _ASKS.search(bare) else [bare]:
            if part.strip():
                found.append(_piece(part.strip(), message.id))
    return found


def _piece(text: str, message: str) -> _Piece:
    if len(text) > _SENTENCE:
        text = (
            text[: _SENTENCE // 3 * 2].rsplit(" ", 1)[0] + " … " + text[-_SENTENCE // 3 :].split(" ", 1)[-1]
        )
    asks = bool(_ASKS.search(text) or _OPENS.search(fold(text)))
    return _Piece(text, asks, replies.content_terms(text) - _GENERIC, message)


def _code(block: str, message: str) -> _Piece:
    """Of shown code the lines that tell what went wrong, or the first ones."""
    lines = [line.strip() for line in block.strip("`\n ").splitlines() if line.strip()]
    telling = [line for line in lines if _TROUBLE.search(line)] or lines[:3]
    text = "`" + " ".join(line[:160] for line in telling[:3]).replace("`", "'") + "`"
    return _Piece(text, False, replies.content_terms(text), message)


def _ungreeted(text: str) -> str:
    """ "Hi Ann, how do I ..." without its greeting."""
    folded = fold(text[:60])
    match = pattern(Phrase.GREETING).match(folded)
    if not match or len(folded) != len(text[:60]):
        return text
    rest = text[match.end() :]
    comma = re.search("[,،，、]", rest)
    head, tail = (rest[: comma.start()], rest[comma.end() :]) if comma else (rest, "")
    if comma and len(head.split()) <= 2 and tail.strip():
        return tail.strip()
    return rest.lstrip(" ,!.:-–—，、،。！") or text


def _last_resort(message: Message) -> list[_Piece]:
    bare = " ".join(_EMOJI.sub(" ", _MENTION.sub(" ", clean(message.text[:_SENTENCE]))).split())
    return [_Piece(bare, False, frozenset(), message.id)] if bare else []


def _before(dialogue: Dialogue, newest: Sequence[Message]) -> list[Message]:
    """What the same customer, or else any customer, said before the burst; oldest first."""
    known = {m.id for m in newest}
    first = newest[0]
    earlier: list[Message] = []
    for m in dialogue.messages:
        if m.id in known or (m.at, m.ts) >= (first.at, first.ts):
            continue
        earlier.append(m)
    mine = [m for m in earlier if m.role is Role.CUSTOMER and m.author == first.author]
    return (mine or [m for m in earlier if m.role is Role.CUSTOMER])[-_BACK:]


def _leans(pieces: Sequence[_Piece], before: Sequence[Message]) -> bool:
    """Whether the pieces need something said before to be understood."""
    if not before:
        return False
    terms = frozenset().union(*(p.terms for p in pieces))
    size = len(terms)
    if size < _FEW:
        return True
    first = fold(pieces[0].text)
    if _CONTINUES.search(first) and size < 2 * _SOME:
        return True
    if len(pieces[0].terms) < _FEW and _REFERS.search(first):
        return True
    return not any(p.asks for p in pieces) and size < 2 * _SOME


def _context(before: Sequence[Message], pieces: Sequence[_Piece]) -> list[_Piece]:
    """The earlier sentences that say what it is about, in order."""
    wanted = frozenset().union(*(p.terms for p in pieces))
    scored: list[tuple[float, int, _Piece]] = []
    order = 0
    said = {p.text for p in pieces}
    for back, message in enumerate(reversed(before)):
        for piece in _pieces(message):
            order += 1
            if not piece.terms or piece.text in said:
                continue
            worth = min(len(piece.terms), 8) * 0.25 + 1.2 * piece.asks + 0.5 * len(piece.terms & wanted)
            worth += 0.8 * bool(_TROUBLE.search(piece.text)) + 0.5 * bool(identifiers(piece.text))
            worth -= 0.25 * back
            scored.append((worth, len(before) - back, piece))
    kept: list[tuple[int, _Piece]] = []
    room = _CONTEXT
    for _, place, piece in sorted(scored, key=lambda s: (-s[0], s[1], s[2].text))[:MOST]:
        if piece.cost <= room:
            kept.append((place, piece))
            room -= piece.cost
    ordered = [p for m in before for p in _pieces(m)]
    chosen = {id_: True for id_ in (p.text for _, p in kept)}
    return [_Piece(p.text, p.asks, p.terms, "") for p in ordered if chosen.pop(p.text, False)]


def _hints(dialogue: Dialogue, newest: Sequence[Message]) -> tuple[str, ...]:
    """Error codes and names in code that anybody mentioned before: for lexical search."""
    first = newest[0]
    found: dict[str, None] = {}
    earlier = [m for m in dialogue.messages if (m.at, m.ts) < (first.at, first.ts) and m.role is not Role.BOT]
    for message in reversed(earlier[-8:]):
        for name in identifiers(message.text)[:6]:
            found.setdefault(name)
    return tuple(found)[:8]


def _groups(pieces: list[_Piece]) -> list[list[_Piece]]:
    """The pieces by question; statements go with the question they lead to."""
    asking = [i for i, p in enumerate(pieces) if p.asks and len(p.terms) >= 2]
    if len(asking) < 2:
        return [pieces]
    starts = [asking[0]]
    for i in asking[1:]:
        previous = frozenset().union(*(p.terms for p in pieces[starts[-1] : i]))
        folded = fold(pieces[i].text)
        new = len(pieces[i].terms - previous) >= 2 and len(pieces[i].terms & previous) * 3 <= len(
            pieces[i].terms
        )
        enough = _FEW - 2 if _WH.search(folded) else _FEW - 1
        stands = len(pieces[i].terms) >= enough and not _REFERS.search(folded)
        if new and len(starts) < MOST and (_ADDS.search(folded) or stands):
            starts.append(i)
    if len(starts) == 1:
        return [pieces]
    ends = [*starts[1:], len(pieces)]
    background = [p for p in pieces[: starts[0]] if p.terms]
    groups: list[list[_Piece]] = []
    for n, (start, end) in enumerate(zip(starts, ends, strict=True)):
        own = pieces[start:end]
        while n + 1 < len(starts) and len(own) > 1 and _leads(own[-1], pieces[ends[n]]):
            own = own[:-1]
        led = pieces[start - 1 : start] if n and _leads(pieces[start - 1], pieces[start]) else []
        groups.append([*(background if n == 0 or not led else []), *led, *own])
    return groups


def _leads(statement: _Piece, question: _Piece) -> bool:
    return not statement.asks and bool(statement.terms & question.terms)


def _fitting(pieces: Sequence[_Piece], room: int) -> list[_Piece]:
    """The most informative pieces that fit, in order; at least the first of them."""

    def worth(i: int) -> float:
        p = pieces[i]
        return (
            3.0 * p.asks
            + 1.5 * bool(_TROUBLE.search(p.text))
            + 0.2 * min(len(p.terms), 10)
            + (1.0 if i == 0 else 0)
        )

    kept: list[int] = []
    for i in sorted(range(len(pieces)), key=lambda i: (-worth(i), i)):
        if not kept or pieces[i].cost <= room:
            kept.append(i)
            room -= pieces[i].cost
    return [pieces[i] for i in sorted(kept)]


def _cost(text: str) -> int:
    """Word pieces, roughly: a short word is one, long words and code more, other scripts one a character."""
    return sum(
        1 + len(word) // 5
        if word.isascii()
        else 1 + sum(1 if ord(c) > 0x2FF else 0 for c in word) + len(word) // 8
        for word in text.split()
    )
