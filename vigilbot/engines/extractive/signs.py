"""Signs that a message asks for help, read from its form and its place in the dialogue.

No language model and no embedding: only marks, closed-class words (cues.py), shape and order, so that what
is learned on one community can hold in another. Every sign is a number of about 0 to 3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import dropwhile, takewhile

from vigilbot.domain import Dialogue, Message, Role
from vigilbot.engines.extractive.cues import PLACED, Cue, fold, phrases, words

_READ = 4_000  # characters that are read: the first three quarters and the last quarter of them
_BACK = 60  # messages of the dialogue that are looked back at
_BURST = 180.0  # seconds within which one person's messages belong together

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE = re.compile(r"`[^`\n]+`")
_URL = re.compile(r"<https?://[^>\n]{0,2000}>|https?://\S+|www\.\S+")
_MENTION = re.compile(r"<[@!#][^>\s]{1,80}>|(?<!\w)@\w[\w.\-]*")
_EMOJI = re.compile(":[a-z0-9_+\\-]{2,40}:|[\U0001f300-\U0001faff\u2600-\u27bf]")
_ENTITY = re.compile(r"&(?:lt|gt|amp);")
_QUOTED = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_ENDS = "?!\uff1f\uff01\u061f\u037e\u055e"
_SENTENCE = re.compile(rf"[^.;:\n\u3002\uff1b\u061b\u0964\u2026{_ENDS}]+[{_ENDS}]*")
_QUESTION_MARKS = frozenset("?\uff1f\u061f\u037e\u055e\u2047\u2048\u2049\u203d\u1367\ua60f\u2cfa\u2e2e\ufe56")
_GREEK = re.compile("[\u0370-\u03ff]{3}")
_NO_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ERROR_IN_CODE = re.compile(
    r"error|exception|traceback|fail|warning|undefined|not found|cannot|fatal|abort|panic|invalid|mismatch"
    r"|expected|denied|refused|timeout|\b[45]\d\d\b",
    re.IGNORECASE,
)
_SAD = re.compile(
    ":(?:disappointed|confused|cry|sob|thinking|worried|slightly_frowning_face|angry|rage|face_with_rolling_eyes"
    "|weary|tired_face|sweat|cold_sweat|scream|man-shrugging|woman-shrugging|shrug|white_frowning_face|face_?palm)"
    "[a-z_\\-]{0,30}:|:'?-?[(/|]"
    "|[\U0001f614\U0001f615\U0001f61e\U0001f620-\U0001f629\U0001f62d\U0001f914\U0001f92c\U0001f64f\U0001f198]"
)
_GLAD = re.compile(
    ":(?:\\+1|thumbsup|tada|clap|raised_hands|ok_hand|pray|heart|100|joy|laughing|smile|grin|grinning|sweat_smile"
    "|muscle|thanks|wink|stuck_out_tongue|slightly_smiling_face|simple_smile|smiley|blush|sunglasses|rocket"
    "|white_check_mark)[a-z_0-9\\-]{0,30}:|[:;]-?[)DPp]"
    "|[\U0001f44d\U0001f44f\U0001f600-\U0001f60e\U0001f64c\U0001f389\U0001f923\U0001f642\u2764\u2705]"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What one text shows by itself."""

    counts: Mapping[Cue, int]  # phrases of each cue
    first: Mapping[Cue, int]  # the same among the first four words
    length: int  # words of prose; two characters count as a word where no spaces are written
    sentences: int
    asked: int  # sentences of prose that end in a question mark of any script
    ends_asking: bool
    last_asks: bool
    opened: int  # sentences that open as questions do
    opens: bool  # the first one does
    tagged: bool  # a statement made a question by its last words
    continues: bool  # a question that opens with and, but, so
    fence: bool
    code: int  # characters of code
    code_error: bool
    inline: int
    urls: int
    mention_first: bool
    exclaims: int
    quoted: bool
    sad: int
    glad: int
    digits: bool
    colon_end: bool
    dots_end: bool
    parenthesis: bool

    @property
    def asking(self) -> float:
        """How much it asks, 0 to 1: by question mark 1, by words less. Used for the messages around."""
        if self.asked:
            return 1.0
        weak = self.counts[Cue.SEEKS] + self.counts[Cue.REQUESTS] + self.counts[Cue.TROUBLE] + self.opened
        return min(0.8, 0.3 * weak)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """A text taken apart: prose without code, links, mentions, quotations and emoji, and what was taken."""

    prose: str
    code: str
    fence: bool
    inline: int
    urls: int
    mention_first: bool
    quoted: bool
    sad: int
    glad: int


def _parts(text: str) -> _Parts:
    if len(text) > _READ:
        text = text[: _READ * 3 // 4] + "\n" + text[-_READ // 4 :]
    fences = _FENCE.findall(text)
    bare = _FENCE.sub(" ", text)
    urls = len(_URL.findall(bare))
    bare = _URL.sub(" ", bare).strip()
    mention_first = _MENTION.match(bare) is not None
    bare = _MENTION.sub(" ", bare)
    inline = _INLINE.findall(bare)
    bare = _ENTITY.sub(" ", _INLINE.sub(" codeword ", bare))
    quoted = _QUOTED.search(bare) is not None
    bare = _QUOTED.sub(" ", bare)
    return _Parts(
        prose=_EMOJI.sub(" ", bare).strip(),
        code="\n".join([*fences, *inline]),
        fence=bool(fences),
        inline=len(inline),
        urls=urls,
        mention_first=mention_first,
        quoted=quoted,
        sad=len(_SAD.findall(bare)),
        glad=len(_GLAD.findall(bare)),
    )


def _greek(prose: str) -> str:
    """A Greek question mark looks like a semicolon, and is mostly written as one."""
    if prose.isascii() or not _GREEK.search(prose):
        return prose
    return prose.replace(";", "?").replace("\u037e", "?")


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """What one text shows. Time is bounded: of a long text a few thousand characters are read."""
    known, parts = phrases(), _parts(text)
    prose = _greek(parts.prose)
    folded = fold(prose)
    tokens = words(folded)
    sentences = [s for s in (piece.strip() for piece in _SENTENCE.findall(folded)) if s]
    split = [words(s) for s in sentences]
    opened = [known.opens_question(s) for s in split]
    asked = [any(c in _QUESTION_MARKS for c in s[-4:]) for s in sentences]
    questions = [s for s, is_asked in zip(split, asked, strict=True) if is_asked]
    counts = known.find(folded, tokens)
    unspaced = 0 if folded.isascii() else len(_NO_SPACES.findall(folded))
    last = prose.rstrip("\"')]} \u201d\u300d*_~")[-1:]
    return Reading(
        counts=counts,
        first=known.find(folded[:12], tokens[:4]),
        length=len(tokens) + unspaced // 2,
        sentences=len(sentences),
        asked=sum(asked),
        ends_asking=last in _QUESTION_MARKS,
        last_asks=bool(asked) and asked[-1],
        opened=max(sum(opened), counts[Cue.ASKS]),
        opens=(bool(opened) and opened[0]) or counts[Cue.ASKS] > 0,
        tagged=counts[Cue.TAGS] > 0 or any(known.ends_in_tag(s) for s in questions),
        continues=known.continues(questions[0]) if questions else False,
        fence=parts.fence,
        code=len(parts.code),
        code_error=_ERROR_IN_CODE.search(parts.code) is not None,
        inline=parts.inline,
        urls=parts.urls,
        mention_first=parts.mention_first,
        exclaims=prose.count("!") + prose.count("\uff01"),
        quoted=parts.quoted,
        sad=parts.sad,
        glad=parts.glad,
        digits=any(c.isdigit() for c in prose),
        colon_end=prose.endswith((":", "\uff1a")),
        dots_end=prose.endswith(("...", "\u2026", "..")),
        parenthesis=prose.startswith(("(", "\uff08")),
    )


_COUNTED = (
    Cue.SEEKS, Cue.REQUESTS, Cue.TROUBLE, Cue.EXPECTED, Cue.ADDRESSES, Cue.AGREES, Cue.SOLVED, Cue.ME,
    Cue.YOU, Cue.ADVISES,
)  # fmt: skip
_FIRST = (Cue.THANKS, Cue.AGREES, Cue.GREETS, Cue.DENIES, Cue.LAUGHS, Cue.PLANS, Cue.HEDGES)


def form(text: str) -> dict[str, float]:
    """Signs of the text alone, by name."""
    r = read(text)
    short_question = r.asked > 0 and r.opened == 0
    return {
        **{f"has_{cue.value}": float(r.counts[cue] > 0) for cue in Cue if cue not in PLACED},
        **{f"cue_{cue.value}": float(min(r.counts[cue], 3)) for cue in _COUNTED},
        **{f"first_{cue.value}": float(r.first[cue] > 0) for cue in _FIRST},
        "asked": float(r.asked > 0),
        "asked_times": float(min(r.asked, 3)),
        "ends_asking": float(r.ends_asking),
        "last_asks": float(r.last_asks),
        "opened": float(min(r.opened, 3)),
        "opens": float(r.opens),
        "opens_unasked": float(r.opens and not r.asked),
        "asked_opened": float(r.asked > 0 and not short_question),
        "tagged": float(r.tagged),
        "continues": float(r.continues),
        "length": math.log1p(r.length),
        "very_short": float(r.length <= 3),
        "short": float(r.length <= 7),
        "long": float(r.length >= 25),
        "no_prose": float(r.length == 0),
        "sentences": math.log1p(r.sentences),
        "fence": float(r.fence),
        "code_only": float(r.code > 0 and r.length <= 4),
        "code_length": math.log1p(r.code / 100),
        "code_error": float(r.code_error),
        "inline": float(min(r.inline, 3)),
        "url_only": float(r.urls > 0 and r.length <= 4),
        "url_prose": float(r.urls > 0 and r.length >= 8),
        "mention_first": float(r.mention_first),
        "exclaims": float(min(r.exclaims, 2)),
        "quoted": float(r.quoted),
        "sad": float(min(r.sad, 2)),
        "glad": float(min(r.glad, 2)),
        "digits": float(r.digits),
        "colon_end": float(r.colon_end),
        "dots_end": float(r.dots_end),
        "parenthesis": float(r.parenthesis),
    }


def earlier(dialogue: Dialogue, message: Message) -> tuple[Message, ...]:
    """The last messages of people before this one, in order, without greetings at the very start."""
    before = takewhile(lambda m: m.id != message.id, dialogue.messages)
    people = (m for m in before if m.role is not Role.BOT and m.at <= message.at)
    return tuple(dropwhile(_only_greets, people))[-_BACK:]


def _only_greets(message: Message) -> bool:
    found = read(message.text)
    return (
        message.role is Role.CUSTOMER
        and found.counts[Cue.GREETS] > 0
        and found.length <= 4
        and not found.asked
    )


def _tail(before: Sequence[Message], of: Callable[[Message], bool]) -> list[Message]:
    return list(takewhile(of, reversed(before)))


def place(dialogue: Dialogue, message: Message) -> dict[str, float]:
    """Signs of where the message stands in the dialogue before it, by name. Peers count as helpers."""
    before = earlier(dialogue, message)
    customers = [m for m in before if m.role is Role.CUSTOMER]
    helpers = [m for m in before if m.role is not Role.CUSTOMER]
    turn = _tail(before, lambda m: m.role is Role.CUSTOMER)  # theirs since anybody else spoke
    replies = _tail(before, lambda m: m.role is not Role.CUSTOMER)  # helpers' since the customer spoke
    gap = (message.at - before[-1].at).total_seconds() if before else 0.0
    helper_gap = (message.at - helpers[-1].at).total_seconds() if helpers else 0.0
    near = bool(turn) and gap <= _BURST
    turn_asks = max((read(m.text).asking for m in turn), default=0.0)
    asked_last = bool(replies) and read(replies[0].text).ends_asking
    return {
        "starts": float(not before),
        "first_customer": float(not customers),
        "nobody_spoke": float(not helpers),
        "customers": math.log1p(len(customers)),
        "helpers": math.log1p(len(helpers)),
        "own_last": float(bool(turn)),
        "own_last_near": float(near),
        "own_last_near_asked": float(near and turn_asks >= 1.0),
        "own_last_near_unasked": float(near and turn_asks < 0.5),
        "turn_asks": turn_asks,
        "turn_asks_nobody": turn_asks * float(not helpers),
        "helper_last": float(bool(replies)),
        "helper_asked": float(any(read(m.text).asked > 0 for m in replies[:2])),
        "helper_asked_last": float(asked_last),
        "helper_gap": math.log1p(helper_gap / 60) / 3,
        "gap": math.log1p(gap / 60) / 3,
        "replies": math.log1p(len(replies)),
    }


_PAIRS = (
    ("asked", "starts"),
    ("asked", "helper_last"),
    ("asked", "own_last_near"),
    ("asked", "helper_asked"),
    ("asked", "mention_first"),
    ("asked", "cue_you"),
    ("asked", "cue_advises"),
    ("asked", "has_addresses"),
    ("cue_you", "starts"),
    ("has_addresses", "starts"),
    ("has_requests", "starts"),
    ("has_requests", "nobody_spoke"),
    ("has_denies", "has_me"),
    ("has_denies", "nobody_spoke"),
    ("has_trouble", "has_me"),
    ("has_trouble", "starts"),
    ("has_trouble", "nobody_spoke"),
    ("has_seeks", "starts"),
    ("has_seeks", "nobody_spoke"),
    ("long", "starts"),
    ("long", "nobody_spoke"),
    ("code_error", "nobody_spoke"),
    ("has_contrast", "helper_last"),
    ("has_contrast", "has_trouble"),
    ("has_thanks", "short"),
    ("has_thanks", "helper_last"),
    ("first_agrees", "short"),
    ("first_agrees", "helper_last"),
    ("has_solved", "helper_last"),
    ("short", "helper_last"),
)


def signs(dialogue: Dialogue, message: Message) -> dict[str, float]:
    """All signs of a message by name. ``dialogue`` may hold later messages; they are not looked at."""
    found = form(message.text) | place(dialogue, message)
    return found | {f"{a}*{b}": found[a] * found[b] for a, b in _PAIRS}


def vector(found: Mapping[str, float], names: Iterable[str]) -> list[float]:
    """The signs of the given names, in their order; KeyError for a name that is not a sign."""
    return [found[name] for name in names]
