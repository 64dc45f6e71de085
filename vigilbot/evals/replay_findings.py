"""What a support lead wants to know of a replay, found in its report: plain values for a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from vigilbot.evals.metrics import Judged, OperatingPoint, hindsight_curve, online_operating_point
from vigilbot.evals.replay_records import Asked, Fate, ReplayRecords
from vigilbot.evals.replay_report import TARGETS, JudgedCard, ReplayReport
from vigilbot.text import clean, shorten

PERIODS: Final = 24
_LINK: Final = 90  # characters of a link or title shown
_WORDINGS: Final = 3
_FEW: Final = 20  # fewer than so many give no percentage a headline should have
_LEADS: Final[tuple[tuple[str, float], ...]] = (
    ("< 1 min", 60),
    ("1 to 5 min", 300),
    ("5 to 15 min", 900),
    ("15 to 60 min", 3600),
    ("1 to 4 h", 4 * 3600),
    ("4 to 24 h", 86400),
    ("> 1 day", float("inf")),
)
_FATES: Final = {Fate.BEATEN: "beaten", Fate.LATE: "beaten", Fate.HELD: "held", Fate.ABSTAINED: "abstained"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A source as shown. ``href`` "" when it is no http(s) address, ``host`` then too."""

    label: str
    href: str
    host: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A channel's questions by what became of them: right, wrong, unjudged, beaten, held, abstained."""

    name: str
    fates: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.fates.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Questions alike that got no card, counted in conversations; ``asked`` has those with a card too."""

    question: str
    wordings: tuple[str, ...]
    asked: int
    without: int
    unsettled: int  # nobody answered these
    last_at: datetime
    channels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """One sentence in plain words, and a second that qualifies it."""

    said: str
    further: str


def headline(report: ReplayReport) -> Headline:
    reached_, total = reached(report)
    known = report.figures["knowledge"]["qa"]
    if not total:
        return Headline(said="Nobody asked anything here.", further="The export holds no conversation.")
    if not report.cards:
        taught = f"It learned {known:,} answers" if known else "It learned nothing"
        return Headline(
            said="VigilBot would have listened and posted nothing.",
            further=f"{taught} from {total:,} conversations, and was never sure enough to speak.",
        )
    judged = [c for c in report.cards if c.right is not None]
    right = sum(c.right is True for c in judged)
    lead = report.figures["lead_seconds"]
    said = f"VigilBot would have answered in {_of(reached_, total, 'conversation')}"
    facts = []
    if judged:
        facts.append(_right(right, len(judged), all_of_them=len(judged) == len(report.cards)))
    if lead["n"]:
        facts.append(f"the typical one came {roughly(lead['p50'])} before a human")
    said += ": " + ", and ".join(facts) if facts else ""
    if not judged:
        return Headline(said=f"{said}.", further="Nothing in the export says which of its cards were right.")
    cards = f"{len(report.cards):,} card" + ("" if len(report.cards) == 1 else "s")
    checked = (
        f"Its {cards} can be checked against what really helped"
        if len(judged) == len(report.cards)
        else f"{len(judged):,} of its {cards} can be checked against what really helped"
    )
    return Headline(
        said=f"{said}.", further=f"{checked}: {right:,} {_was(right)} right, {len(judged) - right:,} wrong."
    )


def _right(right: int, judged: int, *, all_of_them: bool) -> str:
    """A share where it means something, else plain counts."""
    if judged == 1:
        return f"the one card that can be checked was {'right' if right else 'wrong'}"
    if judged < _FEW:
        return f"{right:,} of the {judged:,} cards that can be checked {_was(right)} right"
    which = "its cards" if all_of_them else f"the {judged:,} cards that can be checked"
    return f"{right / judged:.0%} of {which} were right"


def _was(n: int) -> str:
    return "was" if n == 1 else "were"


def roughly(seconds: float) -> str:
    """A length of time as a headline has it: one unit, spelt out."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            whole = int(seconds // size)
            return f"{whole:,} {unit}" + ("" if whole == 1 else "s")
    return "a moment"


def reached(report: ReplayReport) -> tuple[int, int]:
    """Conversations with a card, and all of them."""
    return len({(c.card.channel, c.card.thread) for c in report.cards}), report.figures["conversations"]


def best(cards: Iterable[JudgedCard], limit: int) -> list[JudgedCard]:
    """Right and in time: the surest first, among equals those that saved the longest wait."""
    right = [c for c in cards if c.right is True and not c.late]
    return _varied(right, limit, key=lambda c: (-round(c.card.confidence, 2), -(c.lead_seconds or 0.0)))


def worst(cards: Iterable[JudgedCard], limit: int) -> list[JudgedCard]:
    """Wrong: the surest first."""
    return _varied([c for c in cards if c.right is False], limit, key=lambda c: (-c.card.confidence,))


def _varied(
    cards: Iterable[JudgedCard], limit: int, *, key: Callable[[JudgedCard], tuple[float, ...]]
) -> list[JudgedCard]:
    """Each source once, the first by ``key``; then, when there are too few, further ones of the same."""
    order = sorted(cards, key=lambda c: (*key(c), c.card.at.timestamp()))
    seen: set[str] = set()
    fresh: list[JudgedCard] = []
    again: list[JudgedCard] = []
    for judged in order:
        said = judged.card.first_url or judged.card.text
        (again if said in seen else fresh).append(judged)
        seen.add(said)
    return [*fresh, *again][:limit]


def lead_classes(cards: Iterable[JudgedCard]) -> list[tuple[str, int]]:
    """Cards by how long before the human they came."""
    counts: Counter[str] = Counter()
    for card in cards:
        if card.lead_seconds is not None:
            counts[next(label for label, end in _LEADS if card.lead_seconds < end)] += 1
    return [(label, counts[label]) for label, _ in _LEADS]


def channels(report: ReplayReport) -> list[Channel]:
    """The channels in which something was asked, the busiest first."""
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    for judged in report.cards:
        names[judged.card.channel] = judged.card.channel_name or judged.card.channel
        fate = {True: "right", False: "wrong", None: "unjudged"}[judged.right]
        fates[judged.card.channel][fate] += 1
    for asked in report.records.questions:
        if fate := _FATES.get(asked.fate, ""):
            names[asked.channel] = asked.channel_name or asked.channel
            fates[asked.channel][fate] += 1
    found = [Channel(name=names[channel], fates=counts) for channel, counts in fates.items()]
    return sorted(found, key=lambda c: (-c.total, c.name))


def together(name: str, channels: Iterable[Channel]) -> Channel:
    counts: Counter[str] = Counter()
    for channel in channels:
        counts.update(channel.fates)
    return Channel(name=name, fates=counts)


def gaps(questions: Iterable[Asked]) -> list[Gap]:
    """Subjects without a card, those nobody answered at all first, then the most frequent.

    A question asked once that a human answered is no gap yet: the answer was learned from.
    """
    groups: dict[int, dict[tuple[str, str], list[Asked]]] = defaultdict(lambda: defaultdict(list))
    for asked in questions:
        groups[asked.group][asked.channel, asked.thread].append(asked)
    found = [gap for talks in groups.values() if (gap := _gap(list(talks.values()))) is not None]
    return sorted(found, key=lambda g: (-g.unsettled, -g.without, -g.last_at.timestamp()))


def _gap(talks: Sequence[Sequence[Asked]]) -> Gap | None:
    """``talks``: questions alike, those of one conversation together."""
    silent = [talk for talk in talks if all(q.fate in (Fate.ABSTAINED, Fate.HELD) for q in talk)]
    unsettled = sum(not any(q.settled for q in talk) for talk in silent)
    if not unsettled and len(silent) < 2:
        return None
    wordings = tuple(dict.fromkeys(shorten(talk[0].text, 300) for talk in silent))
    return Gap(
        question=wordings[0],
        wordings=wordings[1 : 1 + _WORDINGS],
        asked=len(talks),
        without=len(silent),
        unsettled=unsettled,
        last_at=max(talk[-1].at for talk in silent),
        channels=tuple(sorted({talk[0].channel_name or talk[0].channel for talk in silent})),
    )


def growth(records: ReplayRecords) -> tuple[list[date], list[int]]:
    """Entries in force from the first day to the last; never empty."""
    first, last = records.first_at.date(), records.last_at.date()
    days, in_force = [first], [0]
    for known in records.growth:
        days.append(known.day)
        in_force.append(known.in_force)
    return [*days, max(last, days[-1])], [*in_force, in_force[-1]]


def periods(records: ReplayRecords) -> list[tuple[datetime, int, int]]:
    """Equal periods over the replay: its beginning, questions within scope, those that got a card."""
    if not records.questions:
        return []
    whole = max(records.last_at - records.first_at, timedelta(minutes=PERIODS))
    asked: Counter[int] = Counter()
    carded: Counter[int] = Counter()
    for question in records.questions:
        number = min(PERIODS - 1, max(0, int((question.at - records.first_at) / whole * PERIODS)))
        asked[number] += 1
        carded[number] += question.fate is Fate.CARD
    return [(records.first_at + whole * i / PERIODS, asked[i], carded[i]) for i in range(PERIODS)]


def curve(report: ReplayReport) -> Sequence[OperatingPoint]:
    """Precision against coverage with hindsight; without gold, of the cards a human's word judged."""
    if report.figures["gold"]:
        return report.curve
    rows = _checked(report)
    return hindsight_curve(rows, total=len(rows))


def online(report: ReplayReport) -> dict[str, OperatingPoint]:
    """The points reached by aiming at a precision with nothing but the past, by target."""
    if gold := report.figures["gold"]:
        return {target: _point(point) for target, point in gold["online"].items()}
    rows = _checked(report)
    return {str(t): online_operating_point(rows, t, total=len(rows)) for t in TARGETS}


def _point(figures: Mapping[str, Any]) -> OperatingPoint:
    values = {name: figures[name] for name in ("coverage", "precision", "n")}
    return OperatingPoint(threshold=None, **values)


def posted(report: ReplayReport) -> OperatingPoint | None:
    """The cards really posted, as a point of the same kind; None without gold to measure it by."""
    gold = report.figures["gold"]
    if not gold or not gold["posted"]["n"]:
        return None
    cards = gold["posted"]
    return OperatingPoint(
        threshold=None,
        coverage=min(1.0, cards["n"] / gold["conversations"]),
        precision=cards["precision"],
        n=cards["n"],
    )


def _checked(report: ReplayReport) -> list[Judged]:
    return [
        Judged(at=c.card.at, known_at=c.card.human_at, confidence=c.card.confidence, correct=c.right)
        for c in report.cards
        if c.right is not None and c.card.human_at is not None
    ]


def source(url: str, title: str) -> Source:
    """A link only for a plain http(s) address; anything else is words."""
    url, title = clean(url).strip(), clean(title)
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        plain = parts.scheme in ("http", "https") and bool(host) and not any(c.isspace() for c in url)
    except ValueError:
        plain, host = False, ""
    return Source(
        label=shorten(title or url.removeprefix("https://").removeprefix("http://"), _LINK) or "(no title)",
        href=url if plain else "",
        host=host if plain and title else "",
    )


def _of(n: int, total: int, noun: str) -> str:
    return f"{n:,} of {total:,} {noun}" + ("" if total == 1 else "s")
