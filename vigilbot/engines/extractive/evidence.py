"""What speaks for an analyst's message being (part of) the resolution of one question.

Plain numbers of about -1 to 3, from the words, the form and the place in the dialogue; with an
embedding's cosines where the model is the trained one. Training and extraction share this file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vigilbot.domain import Dialogue, Message, Question, Role
from vigilbot.ports import Vector
from vigilbot.text import fold, identifiers, links, replies, sentences

MOST = 30  # messages of analysts looked at
_AFTER = 4  # messages in which the asker's reaction is looked for
_ANSWERS = re.compile(
    r"^\W*(?:yes|yeah|yep|yup|no|nope|nah|correct|exactly|right|sure|definitely|indeed|not really"
    r"|it depends|actually"
    r"|ja|nein|doch|oui|non|si|sim|nao|tak|nie|да|нет|evet|hayir)(?!\w)|^(?:是|不|はい|いいえ|네|아니)"
)
_ADVISES = re.compile(
    r"(?<!\w)(?:you (?:can|could|should|need|have to|must|might|want|may|just|would|don't)|try|use|see"
    r"|check|there(?:'s| is| are)"
    r"|instead|because|just|look at|should|make sure|i (?:use|usually|would|just|do|did|used)"
    r"|have you (?:tried|looked)|go to"
    r"|man kann|sie konnen|du kannst|versuch\w*|vous pouvez|tu peux|essaye\w*|puedes?|intenta\w*"
    r"|prueb\w*|voce pode|tente"
    r"|puoi|prova\w*|je kunt|probeer|du kan|mozesz|sprobuj|можно|попробуйте"
    r"|нужно)(?!\w)|可以|请|してください|できます|하세요"
)
_ASKS = re.compile(r"[?\uff1f\u061f]")
_MENTION = re.compile(r"(?<![\w/.`])@([\w][\w.\-]{0,60})")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate: ``form`` needs no embedding, ``nearness`` does (empty without)."""

    message: Message
    form: Mapping[str, float]
    nearness: Mapping[str, float]


def candidates(dialogue: Dialogue, question: Question, *, peers: bool) -> list[Message]:
    """The messages of analysts (and peers) after the question, in order, at most ``MOST``."""
    roles = (Role.ANALYST, Role.PEER) if peers else (Role.ANALYST,)
    start = asked_at(dialogue, question)
    return [m for m in dialogue.messages[start + 1 :] if m.role in roles and m.text.strip()][:MOST]


def asked_at(dialogue: Dialogue, question: Question) -> int:
    """The place of the question's last message; of the first customer message when none is known."""
    known = frozenset(question.message_ids)
    places = [i for i, m in enumerate(dialogue.messages) if m.id in known]
    if places:
        return places[-1]
    return next((i for i, m in enumerate(dialogue.messages) if m.role is Role.CUSTOMER), -1)


def texts_needed(dialogue: Dialogue, question: Question, found: Sequence[Message]) -> list[str]:
    """The texts whose vectors ``gather`` reads."""
    if not found:
        return []
    start = asked_at(dialogue, question)
    end = dialogue.messages.index(found[-1])
    between = [m.text for m in dialogue.messages[start + 1 : end + 1] if m.role is Role.CUSTOMER]
    return list(dict.fromkeys([question.text, *(m.text for m in found), *between]))


def gather(
    dialogue: Dialogue,
    question: Question,
    found: Sequence[Message],
    *,
    vectors: Mapping[str, Vector] | None = None,
) -> list[Evidence]:
    """Evidence for every candidate, in order."""
    start = asked_at(dialogue, question)
    messages = dialogue.messages
    asker = messages[start].author if start >= 0 else ""
    place = {m.id: i for i, m in enumerate(messages)}
    rows: list[Evidence] = []
    near = _nearness(dialogue, question, found, vectors, start) if vectors else [{} for _ in found]
    for order, message in enumerate(found):
        form = _said(message, question, _names(messages, asker))
        form |= _placed(messages, place[message.id], start, asker)
        form |= _among(found, order)
        rows.append(Evidence(message, form, near[order]))
    return rows


def _names(messages: Sequence[Message], asker: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the asker, and of everybody else who wrote."""
    own: set[str] = set()
    others: set[str] = set()
    for m in messages:
        (own if m.author == asker else others).update({fold(m.author), fold(m.author_name)} - {""})
    return frozenset(own), frozenset(others - own)


def _said(
    message: Message, question: Question, names: tuple[frozenset[str], frozenset[str]]
) -> dict[str, float]:
    text = message.text
    folded = fold(text[:2000])
    words = len(text[:4000].split())
    shared = replies.content_terms(text) & replies.content_terms(question.text)
    mentioned = {fold(m.rstrip(".-")) for m in _MENTION.findall(text[:1000])}
    asked = [bool(_ASKS.search(s[-4:])) for s in sentences(text[:3000])]
    return {
        "length": math.log1p(words) / 2,
        "very_short": float(words <= 2),
        "short": float(words <= 6),
        "fence": float("```" in text),
        "inline": float("`" in text.replace("```", "")),
        "link": float(bool(links(text[:4000]))),
        "asks_back": float(replies.asks_back(text)),
        "asks": float(bool(asked) and asked[-1]),
        "hedged": replies.hedged(text),
        "unknown": float(replies.knows_nothing(text)),
        "small_talk": float(replies.is_small_talk(text)),
        "thanks": float(replies.is_thanks(text)),
        "definitive": float(replies.definitive(text)),
        "private": float(replies.is_private(text)),
        "acknowledges": float(replies.acknowledges(text, question.text)),
        "answers": float(bool(_ANSWERS.search(folded))),
        "advises": float(bool(_ADVISES.search(folded))),
        "shared": min(len(shared), 4) / 2,
        "shared_any": float(bool(shared)),
        "shared_identifier": float(bool(replies.shared_identifiers(text, question.text))),
        "identifiers": min(len(identifiers(text[:3000])), 3) / 2,
        "to_asker": float(bool(mentioned & names[0])),
        "to_other": float(bool(mentioned & names[1]) and not mentioned & names[0]),
        "mentions": float(bool(mentioned)),
    }


def _placed(messages: Sequence[Message], at: int, start: int, asker: str) -> dict[str, float]:
    """The asker's messages between question and candidate, and what the asker says right after."""
    message = messages[at]
    between = [m for m in messages[start + 1 : at] if m.role is Role.CUSTOMER]
    since = [m for m in messages[max(start + 1, at - 3) : at] if m.role is Role.CUSTOMER]
    following = [m for m in messages[at + 1 : at + 1 + _AFTER] if m.role is Role.CUSTOMER]
    reaction = following[0].text if following else ""
    previous = messages[at - 1] if at else message
    return {
        "asked_since": min(sum(1 for m in between if _ASKS.search(m.text[:3000])), 3) / 2,
        "said_since": math.log1p(len(between)) / 2,
        "thanked_before": float(any(replies.is_thanks(m.text) for m in between)),
        "confirmed_before": float(any(replies.confirms(m.text) for m in between)),
        "follows_asker": float(previous.role is Role.CUSTOMER),
        "follows_question": float(at == start + 1),
        "follows_itself": float(previous.author == message.author),
        "asker_asked_last": float(bool(since) and bool(_ASKS.search(since[-1].text[-200:]))),
        "thanked_after": float(bool(reaction) and replies.is_thanks(reaction)),
        "confirmed_after": float(bool(reaction) and replies.confirms(reaction)),
        "denied_after": float(bool(reaction) and replies.denies(reaction)),
        "asked_after": float(bool(reaction) and bool(_ASKS.search(reaction[:3000]))),
        "reaction": float(bool(following)),
    }


def _among(found: Sequence[Message], order: int) -> dict[str, float]:
    message = found[order]
    since = (message.at - found[0].at).total_seconds() / 60
    first = found[0].author
    earlier = [m for m in found[:order] if m.author == message.author]
    return {
        "order": math.log1p(order),
        "first": float(order == 0),
        "second": float(order == 1),
        "late": float(order >= 6),
        "since_first": math.log1p(max(since, 0.0)) / 4,
        "long_since_first": float(since > 60),
        "by_first": float(message.author == first),
        "new_voice": float(not earlier),
        "answered_already": float(any(replies.definitive(m.text) for m in found[:order])),
        "asked_already": float(any(replies.asks_back(m.text) for m in found[:order])),
    }


def _nearness(
    dialogue: Dialogue,
    question: Question,
    found: Sequence[Message],
    vectors: Mapping[str, Vector],
    start: int,
) -> list[dict[str, float]]:
    asked = vectors[question.text]
    cosines = np.array([float(vectors[m.text] @ asked) for m in found])
    rank = np.argsort(np.argsort(-cosines, kind="stable"), kind="stable")
    place = {m.id: i for i, m in enumerate(dialogue.messages)}
    rows: list[dict[str, float]] = []
    for order, message in enumerate(found):
        own = vectors[message.text]
        between = [m for m in dialogue.messages[start + 1 : place[message.id]] if m.role is Role.CUSTOMER]
        rival = [float(vectors[m.text] @ own) for m in between if _ASKS.search(m.text[:3000])]
        last = float(vectors[between[-1].text] @ own) if between else float(cosines[order])
        rows.append(
            {
                "cosine": float(cosines[order]),
                "above_mean": float(cosines[order] - cosines.mean()),
                "nearest": float(rank[order] == 0),
                "among_nearest": float(rank[order] <= 2),
                "rival": max([r - float(cosines[order]) for r in rival], default=-0.2),
                "to_last": last,
                "to_previous": float(vectors[found[order - 1].text] @ own) if order else 0.3,
            }
        )
    return rows
