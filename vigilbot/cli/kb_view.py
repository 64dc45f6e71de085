"""What ``vigilbot kb`` shows: tables for people, plain values for machines.

Texts of people are shown as text: no markup of theirs is read, no control character reaches the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vigilbot.admin import AnswerGiven, Life, Listed, Page, RevisionMade, SupportGiven
from vigilbot.admin.exchange import Imported
from vigilbot.domain import Citation, KnowledgeEntry, Passage, PassageKind
from vigilbot.ledger.rows import stamp
from vigilbot.pipeline import Judged
from vigilbot.text import clean, shorten

LINE = 240  # characters of a text in a list
WIDE = 100  # columns of a terminal with room for more than the essential
BODY = 4000  # characters of a text shown in full


def page_json(page: Page) -> dict[str, Any]:
    return {
        "total": page.total,
        "offset": page.offset,
        "entries": [_listed_json(each) for each in page.entries],
    }


def print_page(page: Page, *, number: int, limit: int) -> None:
    console = _console()
    if not page.entries:
        beyond = f" on page {number}; there are {page.total}" if page.total else ""
        console.print(f"No entries{beyond}.")
        return
    names = ["id", "question", "trust", "support", "learned in"]
    if console.width >= WIDE:
        names += ["space", "since"]
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.columns[1].ratio = 1
    for column in table.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    for each in page.entries:
        entry = each.entry
        cells: list[str | Text] = [
            _plain(entry.id),
            _plain(shorten(entry.question, console.width)),
            entry.trust.value if entry.kind is PassageKind.QA else entry.kind.value,
            _supports(each.support, each.against),
            _plain(each.channel_name),
            _plain(entry.space),
            f"{entry.valid_from:%Y-%m-%d}",
        ]
        table.add_row(*cells[: len(names)])
    last = page.offset + len(page.entries)
    console.print(table)
    more = f"; next: --page {number + 1}" if last < page.total else ""
    console.print(f"{page.offset + 1} to {last} of {page.total}{more}", style="dim")


def life_json(life: Life) -> dict[str, Any]:
    return {
        **_listed_json(life.now),
        "revisions": [
            {
                "revision": each.revision,
                "operation": each.operation,
                "actor": each.actor,
                "reason": each.reason,
                "at": stamp(each.at),
                "until": stamp(each.until) if each.until else None,
                "retracted": each.retracted,
                "question": each.question,
                "answer": each.answer,
                "precondition": each.precondition,
                "citations": _citations_json(each.citations),
                "trust": each.trust.value,
            }
            for each in life.revisions
        ],
        "supports": [
            {
                "kind": each.kind.value,
                "oncall": each.oncall,
                "channel": each.channel,
                "channel_name": each.channel_name,
                "customer": each.customer,
                "question": each.question,
                "at": stamp(each.at),
            }
            for each in life.supports
        ],
        "answers": [
            {
                "id": each.id,
                "at": stamp(each.at),
                "oncall": each.oncall,
                "channel_name": each.channel_name,
                "question": each.question,
                "text": each.text,
                "revision": each.revision,
                "confidence": each.confidence,
                "result": each.result,
                "delivery": each.delivery,
                "outcome": each.outcome,
                "accepted_by": list(each.accepted_by),
            }
            for each in life.answers
        ],
    }


def print_life(life: Life) -> None:
    entry, now = life.now.entry, life.now
    state = "retracted" if now.retracted else entry.trust.value
    head = f"{entry.id}, revision {entry.revision}, {entry.kind.value}, {state}, space {entry.space}"
    parts: list[RenderableType] = [Text(clean(head), style="bold"), _body("Question", entry.question)]
    if entry.precondition:
        parts.append(_body("When", entry.precondition))
    parts.append(_body("Answer", entry.answer))
    parts += [_plain(f"[{n}] {c.title} {c.url}".rstrip()) for n, c in enumerate(entry.citations, start=1)]
    parts.append(_section("Revisions", _revisions(life.revisions)))
    parts.append(_section("On-calls that speak for it, or against it", _support_lines(life.supports)))
    parts.append(_section("Answers that leaned on it", _answer_lines(life.answers)))
    _console().print(Group(*parts))


def judged_json(judged: Judged, *, limit: int) -> dict[str, Any]:
    answer = judged.answer
    return {
        "question": judged.question.text,
        "terms": list(judged.question.terms),
        "passages": [_passage_json(each) for each in judged.passages[:limit]],
        "candidates": len(judged.passages),
        "answer": {
            "refused": answer.refused,
            "text": answer.text,
            "confidence": answer.confidence,
            "post_threshold": judged.enough,
            "reason": answer.reason,
            "leans_on": [each.entry.id for each in answer.passages],
        },
    }


def print_judged(judged: Judged, *, limit: int) -> None:
    console = _console()
    console.print(_body("Searched for", judged.question.text))
    if not judged.passages:
        console.print("Nothing it knows comes near.")
        return
    for number, each in enumerate(judged.passages[:limit], start=1):
        scores = f"score {each.score:.3f}, dense {each.dense:.3f}, lexical {each.lexical:.2f}"
        rest = f"{scores}, support {_supports(each.support, each.against)}, {each.entry.trust.value}"
        for line in (
            _head(f"{number}. {each.entry.id}", rest),
            _detail(each.entry.question),
            _detail(each.entry.answer),
        ):
            console.print(line)
    more = len(judged.passages) - limit
    if more > 0:
        console.print(f"and {more} more candidates; --limit shows more", style="dim")
    answer = judged.answer
    if answer.refused:
        why = f": {answer.reason}" if answer.reason else ""
        console.print(
            _plain(f"It would not answer{why} (confidence {answer.confidence:.2f})."), soft_wrap=True
        )
    else:
        enough = "enough" if answer.confidence >= judged.enough else "too little"
        takes = f"{enough} for a card, which takes {judged.enough:.2f}"
        title = f"Its answer: confidence {answer.confidence:.2f}, {takes}"
        console.print(_body(title, answer.text))


def imported_json(done: Imported, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "new": list(done.new),
        "revised": list(done.revised),
        "unchanged": list(done.unchanged),
        "newer": list(done.newer),
        "retracted": list(done.retracted),
        "support": done.support,
    }


def print_imported(done: Imported, *, dry_run: bool) -> None:
    console = _console()
    verb = "Would import" if dry_run else "Imported"
    lines = [
        f"{verb} {len(done.new)} new and {len(done.revised)} revised entries and {done.support} supporting "
        f"on-calls; {len(done.unchanged)} entries were there already."
    ]
    if done.newer:
        lines.append(f"Left alone, as the ledger's own text came later than the file's: {_some(done.newer)}")
    if done.retracted:
        lines.append(
            f"Left alone, retracted here (`vigilbot kb undo` brings it back): {_some(done.retracted)}"
        )
    for line in lines:
        console.print(_plain(line), soft_wrap=True)


def _listed_json(each: Listed) -> dict[str, Any]:
    return {
        **_entry_json(each.entry),
        "tenant": each.tenant,
        "channel_name": each.channel_name,
        "support": each.support,
        "against": each.against,
        "retracted": each.retracted,
    }


def _entry_json(entry: KnowledgeEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "revision": entry.revision,
        "kind": entry.kind.value,
        "question": entry.question,
        "answer": entry.answer,
        "precondition": entry.precondition,
        "citations": _citations_json(entry.citations),
        "trust": entry.trust.value,
        "space": entry.space,
        "channel": entry.channel,
        "learned_from": entry.learned_from,
        "message_ids": list(entry.message_ids),
        "valid_from": stamp(entry.valid_from),
        "expires_at": stamp(entry.expires_at) if entry.expires_at else None,
        "actor": entry.actor,
    }


def _passage_json(passage: Passage) -> dict[str, Any]:
    return {
        **_entry_json(passage.entry),
        "score": passage.score,
        "dense": passage.dense,
        "lexical": passage.lexical,
        "support": passage.support,
        "against": passage.against,
        "resolutions": passage.resolutions,
        "evidence": dict(passage.evidence),
    }


def _citations_json(citations: Iterable[Citation]) -> list[dict[str, str]]:
    return [{"url": each.url, "title": each.title} for each in citations]


def _revisions(revisions: Iterable[RevisionMade]) -> list[RenderableType]:
    """What was done, and what the entry said from then on where that changed."""
    lines: list[RenderableType] = []
    said = ("", "")
    for each in revisions:
        lines.append(
            _head(f"{each.revision}. {each.operation} by {each.actor}, {_minute(each.at)}", each.reason)
        )
        now = ("retracted: answers nothing", "") if each.retracted else (each.question, each.answer)
        lines += [_detail(text) for text, before in zip(now, said, strict=True) if text and text != before]
        said = now
    return lines


def _support_lines(supports: Iterable[SupportGiven]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for each in supports:
        asked = f"asked by {each.customer}" if each.customer else ""
        place = ", ".join(part for part in (_minute(each.at), each.channel_name, asked) if part)
        lines.append(_head(f"{each.kind.value}, {place}", f"on-call {each.oncall}"))
        if each.question:
            lines.append(_detail(each.question))
    return lines


def _answer_lines(answers: Iterable[AnswerGiven]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for each in answers:
        card = f"card {each.delivery}" if each.delivery else "no card"
        became = f"{each.result}, {card}, outcome {each.outcome or 'none yet'}"
        if each.accepted_by:
            became += f", accepted by {', '.join(each.accepted_by)}"
        used = f"revision {each.revision}, confidence {each.confidence:.2f}"
        lines.append(_head(f"{_minute(each.at)}, {each.channel_name}: {became}", used))
        lines.append(_detail(each.question))
    return lines


def _head(text: str, remark: str) -> Text:
    return _plain(text).append_text(Text(f" ({shorten(remark, LINE)})" if remark else "", style="dim"))


def _detail(text: str) -> RenderableType:
    return Padding(Text(shorten(text, LINE)), (0, 0, 0, 3), expand=False)


def _section(title: str, lines: list[RenderableType]) -> RenderableType:
    return Padding(
        Group(Text(title, style="bold"), *(lines or [Text("none", style="dim")])), (1, 0, 0, 0), expand=False
    )


def _body(title: str, text: str) -> RenderableType:
    shown = clean(text)
    if len(shown) > BODY:
        shown = f"{shown[:BODY]}… ({len(shown):,} characters; --json has them all)"
    return Group(Text(title, style="dim"), Padding(Text(shown), (0, 0, 0, 2), expand=False))


def _supports(support: int, against: int) -> str:
    return f"{support}, {against} against" if against else str(support)


def _some(ids: tuple[str, ...], most: int = 10) -> str:
    rest = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + rest


def _plain(text: str) -> Text:
    return Text(clean(text).replace("\n", " "))


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)
