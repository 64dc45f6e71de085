# ruff: noqa: RUF001 - typographic characters people write
"""An analyst's words to one customer, made fit for another one.

What was said to that person alone goes: greeting and name, signature, numbering of split messages,
requests to write in private, matters of that account, questions back. What helps anyone stays, in the
analyst's own words and order. Everything here is linear in the length of the text, which is cut first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vigilbot.engines.extractive.cues import Cue, fold, phrases, words
from vigilbot.text import canonical_url, clean, links, sentences, tokens
from vigilbot.text import fold as plain_fold
from vigilbot.text.phrases import Phrase
from vigilbot.text.phrases import pattern as set_phrases

READ = 6000  # characters of an answer that are read
SHOWN = 700  # characters of an answer that are shown, links aside
_FEWEST = 3  # words without which a sentence says nothing by itself

_PART = re.compile(r"(?<![\w/])[(\[]?\d{1,2}/\d{1,2}[)\]]?(?![\w/])")
_MENTION = re.compile(r"(?<![\w/.])@[\w.-]{1,80}[,:]?")
_SIGNATURE = re.compile(
    r"\s*(?:\^\s?\w{1,20}(?:\s\w\.?)?|(?:(?<=[\s.!?)])[-–—~*]\s?[A-Z]\w{1,15}(?:\s[A-Z]\.?)?))\s*$"
)
_STOPS = ",.!:;–—，、،。！：-"
_ADDRESSED = re.compile(rf"\s*((?:[^\s{_STOPS}]{{1,24}}\s?){{0,4}})[{_STOPS}]+\s*")
_WISHED = re.compile(r"((?:\s[a-z]{1,12}){1,5})\s?!+\s+(?=\S)")  # "Greetings for the day! ..."
_EVERYBODY = frozenset({"there", "all", "folks", "everyone", "everybody", "team", "again"})
_HONORIFIC = re.compile(r"\s?(?:\S{1,16}\s)?\S{0,16}?(?:様|さま|さん|님|씨|先生|女士)\s?[、,，。:：]\s*")
_WISH = 60  # characters of a wish behind a link, at most
_GREETINGS = 3  # greetings and addresses one after another, at most
_PREAMBLE = re.compile(
    r"(?:thanks|thank you|thx|sorry|apologies|danke|merci|gracias|obrigad[oa]|grazie|bedankt)\b"
    r"[^.!?–—,:\n]{0,80}"
    r"(?:\s[–—-]\s|[–—])",
    re.IGNORECASE,
)
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")  # scripts in which no space ends a name
_QUESTION = re.compile(r"[?？؟;՞]\W*$")
# Questions back are asked without a question mark too.
_ASKS_BACK = re.compile(
    r"(?:please |and |so |but )?(?:(?:can|could|would|will|have|did|do|are|were) (?:you|u|ya)"
    r"|(?:konnen|konnten|haben|sind) sie|(?:kannst|hast|bist) du|(?:pouvez|pourriez|avez|etes)[- ]vous"
    r"|(?:puede|puedes|podria|podrias|has|ha) (?:usted |tu )?\w+(?:nos|me)?\b|voce (?:pode|poderia|tem)"
    r"|puoi|potrebbe|(?:kan|kunt|heeft|bent) (?:u|je)|вы можете|можете ли)\b"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,32}){1,4}|\[e-?mail\]", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<!\w)\d(?:[ -]?\d){11,24}(?!\w)")


_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]{1,300}`)", re.DOTALL)
_LINKED = re.compile(r"https?://\S+")
# What makes of a link's text the beginning of a longer link.
_LONGER = r"(?![^\s<>|\"`()\[\]{}\u3000-\u303f\uff00-\uffef]{0,300}[\w/])"


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})")


# Folded text: lower case, no accents.
_ELSEWHERE = _any(
    r"(?:via|through|by|in a|send (?:us|me|a|in a)|shoot (?:us|me)|drop (?:us|me)) (?:a )?(?:dm|pm)\b",
    r"(?:dm|pm|message|inbox) (?:us|me)\b",
    r"dms?\b|direct messages?|private message|privately|(?:follow|following) us\b",
    r"privatnachricht|direktnachricht|message prive|en mp\b|mensaje (?:directo|privado)",
    r"por (?:dm|md|mensaje)|mensagem (?:direta|privada)|messaggio privato|личн\w+ сообщени\w+|в лс\b",
    r"prive ?bericht",
)
_ASKS_DATA = _any(
    r"(?:send|give|provide|share|tell|confirm) (?:us|me)\b.{0,60}\b"
    r"(?:number|address|name|details|e-?mail|account)"
)
_ONE_OFF = _any(
    r"(?:i|we)(?:'ve| have|'d| had)? (?:just |already |now |also )?(?:refunded|escalated|credited|replied"
    r"|responded|sent you|forwarded|unlocked|reset your|checked (?:your|the|our)|looked (?:into|at) your"
    r"|updated your|issued|cancel+ed your|received your|located your|see (?:that )?you(?:r|'ve| have)|passed"
    r"|reported (?:it|this)|notified)\b",
    r"(?:case|ticket|reference|confirmation|incident|order|claim|tracking)[ -]?(?:number|id|no|nr)?\.?"
    r"(?: is)?[ :#]{1,3}\w{0,8}\d{4,}",
    r"(?:i|we|someone|an agent|our team|a colleague)(?:'ll|''ll| will| can)(?: be)? (?:(?:get|be) back"
    r"|look(?:ing)? into|in touch|follow(?:ing)? up|reach(?:ing)? out|investigat\w+"
    r"|check (?:it|this|with|on|your)|let you know|contact you|share|pass|forward"
    r"|take a (?:closer )?look|assist)\b",
    r"let me (?:see|check|look|find out|try|dig|ask|get back)\b",
    r"your (?:case|ticket) (?:has|is|was)\b",
    r"(?:i'm|i am|we're|we are) (?:\w{1,12} )?(?:looking|checking|investigating|waiting)"
    r" (?:into|on|with|for)\b",
    r"wir (?:haben|melden|prufen)\b|ich (?:schaue|melde|prufe)\b",
    r"nous (?:avons|allons) (?:rembourse|verifi|reven)",
)
# An offer of help with nothing but a link behind it: the link is all that helps.
_OFFER = re.compile(
    r"(?:(?:we|i)(?:'d| would|'re| are|'m| am)? (?:also |always )?)?(?:love|like|happy|glad|want|here) to "
    r"(?:help|assist|take a (?:closer )?look|look into|get (?:this|that|it))\b"
)
_LEADS = _any(r"at|via|visit|see|go|check|follow|click|us(?:e|ing)|read|through|with|on|open|fill|here")
_COURTESY = _any(
    r"(?:hope|hoping) (?:this|that|it) (?:helps?|clarif\w+|works)\b",
    r"(?:happy|glad|here|love|like|willing|pleased) to (?:help|assist)\b",
    r"(?:have|enjoy) a (?:great|good|nice|lovely|wonderful)\b|good luck\b|cheers\b",
    r"let (?:us|me) know\b|keep us (?:posted|updated)|any (?:other|further|more) questions?\b",
    r"reach (?:back )?out (?:to us )?(?:again|if|anytime)|feel free\b|don'?t hesitate",
    r"thanks\b|thank you\b|thx\b|you'?re welcome|no problem\b|no worries",
    r"(?:sorry|apologi[sz]e|apologies|regret)(?: to hear| for| about| that)\b|that'?s not good\b",
    r"we (?:appreciate|understand|hear you|get it)\b",
    r"viele grusse|liebe grusse|freundliche grusse|mit freundlichen|tut (?:mir|uns) leid|gern geschehen",
    r"cordialement|bonne journee|desole|saludos|lamentamos|buen dia|abraco|atenciosamente|cordiali saluti",
    r"с уважением|извините",
)
_DEICTIC = re.compile(
    r"^(?:yes|no|yeah|yep|nope|ok|okay|sure|right|exactly|ja|nein|oui|non|si|sim|nao|да|нет)[.!]*$"
)


def general(answer: str) -> list[str]:
    """The sentences of an answer that help anyone, in order, links still in them."""
    text = without_mentions(_PART.sub(" ", clean(answer[:READ])))
    text = _without_greeting(_SIGNATURE.sub("", text.strip()).strip())
    found = (_trimmed(s) for s in whole_sentences(text))
    return [_offered(piece) for piece in found if piece and _serves(piece)]


def without_mentions(text: str) -> str:
    """The text without people's names as mentions; what looks like one within code stays."""
    parts = _CODE.split(text)
    return "".join(part if i % 2 else _MENTION.sub(" ", part) for i, part in enumerate(parts))


def whole_sentences(text: str) -> list[str]:
    """The sentences of a text; one with code in it goes on until the code ends."""
    found: list[str] = []
    for sentence in sentences(text):
        if found and "```" not in sentence and _open_code(found[-1]):
            found[-1] = f"{found[-1]} {sentence}"
        else:
            found.append(sentence)
    return found


def _open_code(sentence: str) -> bool:
    return "```" not in sentence and sentence.count("`") % 2 == 1


def _offered(sentence: str) -> str:
    """Of "We'd love to take a look" with a link behind it, the link."""
    found = links(sentence)
    if not found or "```" in sentence:
        return sentence
    said = fold(_LINKED.sub(" ", sentence).replace("’", "'")).strip()
    offer = _OFFER.match(said)
    return " ".join(found) if offer and not _LEADS.search(said, offer.end()) else sentence


def _trimmed(sentence: str) -> str:
    bare = sentence if "```" in sentence else _without_wish(" ".join(sentence.split()))
    return _SIGNATURE.sub("", _PREAMBLE.sub("", bare, count=1)).strip()


def _without_wish(sentence: str) -> str:
    """Without the "Hope this helps!" that follows a link with nothing between them to end the sentence."""
    found = links(sentence)
    end = sentence.rfind(found[-1]) + len(found[-1]) if found else 0
    tail = fold(sentence[end:]).strip(" )>.,!-")
    wished = end and len(tail) < _WISH and _COURTESY.match(tail)
    return sentence[:end] if wished else sentence


def _without_greeting(text: str) -> str:
    """The text without "Hello Ann," at its start; without a name only when the greeting stands alone."""
    for _ in range(_GREETINGS):
        if title := _HONORIFIC.match(text):
            text = text[title.end() :]
            continue
        end = _greeting(text)
        if not end:
            break
        rest = text[end:]
        addressed = _ADDRESSED.match(rest)
        if titled := _HONORIFIC.match(rest):
            text = rest[titled.end() :]
        elif addressed and _is_address(addressed[1].split()):
            text = rest[addressed.end() :]
        elif wished := _WISHED.match(rest):
            text = rest[wished.end() :]
        else:
            text = rest.lstrip(" ,.!:，、،。！")
    return text


def _greeting(text: str) -> int:
    """Where the greeting at the start of a text ends; 0 for none."""
    head = words(fold(text[:80]))
    known = phrases().spaced[Cue.GREETS]
    if length := next((n for n in (3, 2, 1) if len(head) >= n and " ".join(head[:n]) in known), 0):
        match = re.match(rf"(?:\W*\w+){{{length}}}", text)
        return match.end() if match else 0
    folded = plain_fold(text[:60])
    if len(folded) != len(text[:60]):
        return 0
    unspaced = set_phrases(Phrase.GREETING).match(folded)
    return unspaced.end() if unspaced and not folded[: unspaced.end()].isascii() else 0


def _is_address(said: Sequence[str]) -> bool:
    """Whether words between a greeting and a comma name somebody: capitals, or one word without case."""
    small = [word for word in said if word not in _EVERYBODY and not word[0].isupper()]
    if not small:
        return True
    alone = small[0]
    return len(said) == 1 and not alone[0].islower() and not _UNSPACED.search(alone)


def _serves(sentence: str) -> bool:
    """Whether a sentence tells anyone something: no question back, nothing private, no courtesy."""
    if "```" in sentence:
        return True
    linked = bool(links(sentence))
    folded = fold(_LINKED.sub(" ", sentence).replace("’", "'")).strip()
    if (
        _QUESTION.search(sentence)
        or _ASKS_BACK.match(folded)
        or _EMAIL.search(sentence)
        or _LONG_NUMBER.search(folded)
    ):
        return False
    if _ELSEWHERE.search(folded):
        return False
    if linked:
        return True
    if _ASKS_DATA.search(folded) or _ONE_OFF.search(folded) or _DEICTIC.match(folded):
        return False
    if (offer := _OFFER.match(folded)) and not _LEADS.search(folded, offer.end()):
        return False
    return (len(tokens(folded)) >= _FEWEST or folded.endswith(":")) and not _COURTESY.search(folded)


def chosen(found: Sequence[str], asked: str) -> list[str]:
    """The sentences that answer, in their order: those with links, then those closest to the question.

    At most SHOWN characters; a first sentence longer than that is kept and cut by the caller.
    """
    wanted = set(tokens(asked))
    ranked = sorted(
        range(len(found)),
        key=lambda i: (not links(found[i]), -len(wanted & set(tokens(found[i]))) - (i == 0), i),
    )
    kept: list[int] = []
    size = 0
    for i in ranked:
        if kept and size + len(found[i]) > SHOWN:
            continue
        kept.append(i)
        size += len(found[i])
    return [found[i] for i in sorted(kept)]


def joined(found: Sequence[str]) -> str:
    """Sentences as one text: on a new line after what no punctuation ends, close after a full stop of
    a script without spaces."""
    parts: list[str] = []
    for sentence in found:
        if parts:
            last = parts[-1].rstrip(")]\"'”’»")[-1:]
            parts.append("" if last in "。！？｡" else " " if last in ".!?…:;,،؟।" else "\n")
        parts.append(sentence)
    return "".join(parts)


def cited(text: str, url: str, marker: str) -> str:
    """The text with the citation's address replaced by its marker, or the marker at its end."""
    wanted = canonical_url(url) if url else ""
    placed = False
    for link in links(text):
        if wanted and canonical_url(link) == wanted:
            text = re.sub(re.escape(link) + _LONGER, lambda _: marker, text.replace(f"({link})", marker))
            placed = True
    return text.replace(f"{marker} .", f"{marker}.") if placed else f"{text} {marker}"
