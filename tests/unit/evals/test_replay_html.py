"""The replay page: what it says, that it stands alone, and that nobody's words break out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.evals.replay_samples import GOLD, at, card, case, gold, ranked, records
from vigilbot.domain import Citation
from vigilbot.evals import replay_findings as findings
from vigilbot.evals.replay_html import clip, replay_page
from vigilbot.evals.replay_records import Asked, Fate, KnownOn, Learned, ModelUse
from vigilbot.evals.replay_report import ReplayReport, replay_report

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = (
    "</script></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"' {{ 7*7 }} {% x %} $x_1$"
)


@dataclass
class Page(HTMLParser):
    """The page as a browser would take it apart. ``stack`` is empty at the end when tags are closed."""

    source: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    text: str = ""
    seen: dict[str, str] = field(default_factory=dict)  # text by the innermost tag

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, tag
        assert self.stack.pop() == tag, (tag, self.getpos())
        self.text += " " if tag in ("td", "th", "dt", "dd") else ""

    def handle_data(self, data: str) -> None:
        inner = self.stack[-1] if self.stack else ""
        self.seen[inner] = self.seen.get(inner, "") + data
        if inner != "style":
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def asked(thread: str, fate: Fate, group: int, *, settled: bool = True, **extra: Any) -> Asked:
    values: dict[str, Any] = {
        "channel": "C1",
        "channel_name": "help",
        "at": at(float(thread) * 100),
        "text": f"Question {thread}?",
        **extra,
    }
    return Asked(thread=thread, fate=fate, settled=settled, group=group, **values)


QUESTIONS = (
    asked("1", Fate.CARD, 0),
    asked("2", Fate.HELD, 1),
    asked("3", Fate.ABSTAINED, 1),
    asked("3", Fate.ABSTAINED, 1, text="Question 3, again?"),
    asked("4", Fate.ABSTAINED, 2, settled=False),
    asked("5", Fate.ABSTAINED, 3),
    asked("6", Fate.CARD, 1),
    asked("7", Fate.BEATEN, 4, channel="C2", channel_name="other"),
)


def full_report(**extra: Any) -> ReplayReport:
    sources = (
        Citation(url="https://docs.example/a", title="Page A"),
        Citation(url="javascript:alert(1)", title=""),
    )
    values: dict[str, Any] = {
        "cards": (
            card("1", 60, "a", sources=sources, text="So. [1] [2]", human_text="So, too.", human_at=at(90)),
            card("2", 190, "b", question="Where is it?", human_text="Over there.", human_at=at(4000)),
        ),
        "ranked": tuple(ranked(c.thread, 60, "a") for c in GOLD.cases),
        "learned": (Learned(question="What is x?", answer="It is y.", support=3),),
        "questions": QUESTIONS,
        "growth": (KnownOn(day=date(2024, 1, 2), in_force=3), KnownOn(day=date(2024, 1, 9), in_force=4)),
        "stage_ms": {"answer": [1.0, 3.0]},
        "warnings": ("the folder z is in no list",),
        **extra,
    }
    return replay_report(records(**values), gold=GOLD)


def test_the_page_answers_what_a_support_lead_asks() -> None:
    page = Page(replay_page(full_report()))
    assert page.stack == []
    assert page.seen["h1"] == (
        "VigilBot would have answered in 2 of 5 conversations: 1 of the 2 cards that can be checked was "
        "right, and the typical one came 32 minutes before a human."
    )
    for said in (
        "Its 2 cards can be checked against what really helped: 1 was right, 1 wrong.",
        "of conversations got a card 40% 2 of 5",
        "It learned 4 answers",
        "the folder z is in no list",
        "Asked Where is it?",
        "The human Over there.",
        "What helped docs.example/a",
        "[1] Page A (docs.example)",
        "[2] javascript:alert(1)",
        "Nobody who learns only from the past can exceed 25%",
        "No language model was used",
        "answer 2.0 2.9",
        "ceiling",
    ):
        assert said in page.text, said
    assert "intrusive" not in page.text


def test_headings_charts_and_tables_are_accessible() -> None:
    page = Page(replay_page(full_report()))
    assert page.of("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    drawn = [tag for tag in page.of("div") if tag.get("role") == "img"]
    assert (
        len(drawn) == len(page.of("svg")) == 8
    )  # outcomes, reliability, lead, growth: too few for the curve
    assert all(tag["aria-label"].endswith(".") for tag in drawn)
    assert all(tag["aria-hidden"] == "true" for tag in page.of("svg"))
    assert page.of("th")
    assert all(tag["scope"] in ("col", "row") for tag in page.of("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [tag["aria-labelledby"] for tag in page.of("section")]
    assert set(named) <= set(ids)


def test_charts_take_the_colours_of_the_page() -> None:
    source = replay_page(full_report())
    drawn = "".join(re.findall(r"<svg.*?</svg>", source, re.DOTALL))
    assert "var(--right)" in drawn
    assert "var(--abstained)" in drawn
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) <= {"#ffffff"}
    assert "DejaVu" not in source
    used = set(re.findall(r"var\((--[a-z]+)\)", source))
    light, dark = source.split("@media screen and (prefers-color-scheme: dark)")[:2]
    assert all(f"{name}:" in light for name in used)
    assert all(f"{name}:" in dark for name in used - {"--serif", "--sans"})
    assert "@media print" in source


@pytest.mark.parametrize("report", [full_report(), replay_report(records())], ids=["full", "empty"])
def test_the_page_stands_alone(report: ReplayReport) -> None:
    source = replay_page(report)
    page = Page(source)
    assert {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "form",
    } == set()
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert "src" not in attributes
        for name in ("href", "xlink:href"):
            if tag != "a" and name in attributes:
                assert attributes[name].startswith("#")
    assert "@import" not in source
    assert all(address.startswith("#") for address in re.findall(r"url\(([^)]*)\)", source))
    [policy] = [m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_nobodys_words_break_out() -> None:
    said = HOSTILE + "\u202e\x00\x1b[31m\ud800 مرحبا 漢字"
    cards = tuple(
        card(
            str(n),
            60,
            question=said,
            text=said,
            human_text=said,
            channel_name=said,
            agrees=n == 1,
            human_at=at(90),
            sources=(Citation(url=f'https://x.example/"><script>{n}', title=said),),
        )
        for n in (1, 2)
    )
    use = ModelUse(models=(said,), calls=1, failed=0, input_tokens=1, output_tokens=1, dollars=0.5, ms=(3.0,))
    source = replay_page(
        replay_report(
            records(
                cards=cards,
                questions=tuple(
                    asked(str(n), Fate.ABSTAINED, 0, text=f"{n} {said}", channel_name=said) for n in range(3)
                ),
                learned=(Learned(question=said, answer=said, support=1, channel_name=said),),
                warnings=(said,),
                skipped={said: 1},
                model_use=use,
            )
        )
    )
    source.encode("utf-8")  # no lone surrogate
    page = Page(source)
    assert page.stack == []
    assert {"script", "img"} & {tag for tag, _ in page.tags} == set()
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "{{ 7*7 }} {% x %} $x_1$" in page.text
    assert not re.search("[\u202e\x00\x1b]", source)
    assert "مرحبا 漢字" in page.text
    for quoted in page.of("dd") + page.of("bdi"):
        assert quoted.get("dir", "auto") == "auto"


def test_only_web_addresses_become_links() -> None:
    urls = {
        "https://docs.example/a?b=1&c=<2>": True,
        "HTTP://Docs.example/": True,
        "javascript:alert(1)": False,
        "java\tscript:alert(1)": False,
        "data:text/html,<script>": False,
        "//docs.example/a": False,
        "https:///a": False,
        "https://[::1": False,
        "https://a b/": False,
        "": False,
    }
    assert {url: bool(findings.source(url, "").href) for url in urls} == urls
    sources = tuple(Citation(url=url, title="") for url in urls)
    page = Page(replay_page(replay_report(records(cards=(card("1", 1, sources=sources, agrees=True),)))))
    links = page.of("a")
    assert [a["href"] for a in links] == [url for url, good in urls.items() if good]
    assert all("noopener" in a["rel"].split() for a in links)


def test_an_empty_replay_still_makes_a_page() -> None:
    page = Page(replay_page(replay_report(records())))
    assert page.stack == []
    assert page.seen["h1"] == "VigilBot would have listened and posted nothing."
    for said in (
        "It learned 4 answers from 5 conversations, and was never sure enough to speak.",
        "No customer asked anything within scope.",
        "Too few answers can be checked",
        "No card was followed by a human\u2019s answer",
        "No card was posted.",
        "No question within scope stayed unanswered",
    ):
        assert said in page.text, said
    assert page.of("svg") == []


def test_cards_nobody_judged() -> None:
    page = Page(replay_page(replay_report(records(cards=(card("1", 1),)))))
    assert "VigilBot would have answered in 1 of 5 conversations." in page.text
    assert "Nothing in the export says which of its cards were right." in page.text
    assert "Nothing says which of the cards were right." in page.text


def test_the_curve_has_the_honest_points() -> None:
    cases = [case(str(n), 100 * n + 60, "a") for n in range(90)]
    rows = tuple(
        ranked(str(n), 100 * n + 30, "b" if n % 10 == 0 else "a", confidence=0.5 + n % 10 / 20)
        for n in range(90)
    )
    posted = tuple(card(str(n), 100 * n + 30, "a") for n in range(80, 90))
    report = replay_report(records(ranked=rows, cards=posted), gold=gold(*cases, case("99", 9999, "b")))
    page = Page(replay_page(report))
    [alt] = {t["aria-label"] for t in page.of("div") if "precision" in t.get("aria-label", "")}
    assert alt.startswith("Line chart of precision against coverage: 100% right when")
    online = report.figures["gold"]["online"]["0.9"]
    assert online["n"] > 0
    assert f"aiming at 90%: {online['coverage']:.0%} answered ({online['n']})" in page.text
    assert "cards really posted: 11% answered (10), 100% right" in page.text


def test_the_reliability_diagram_shows_both_ways_of_judging() -> None:
    cases = [case(str(n), 100 * n + 60, "a") for n in range(40)]
    rows = tuple(
        ranked(str(n), 100 * n + 30, "a" if n % 4 else "b", confidence=0.75, stated=0.95) for n in range(40)
    )
    page = Page(replay_page(replay_report(records(ranked=rows), gold=gold(*cases))))
    [alt] = {t["aria-label"] for t in page.of("div") if "confidence" in t.get("aria-label", "")}
    assert alt == "Share of right answers by confidence, with their number: 75% right at 75%: 40."
    assert "Of 40 answers, shown or held back, confidence and truth are 0.0% apart" in page.text
    assert "the engine alone: error 20.0%" in page.text
    assert "Whether it knows how sure it may be" not in Page(replay_page(replay_report(records()))).text


def test_without_gold_the_humans_answers_draw_the_curve() -> None:
    cards = tuple(
        card(str(n), 100 * n, confidence=0.9 if n % 4 else 0.4, agrees=n % 4 != 0, human_at=at(100 * n + 9))
        for n in range(100)
    )
    report = replay_report(records(cards=cards))
    points = findings.curve(report)
    assert [(p.coverage, p.precision) for p in points] == [(0.75, 1.0), (1.0, 0.75)]
    assert findings.online(report)["0.9"].precision == 1.0
    assert "a human\u2019s later answer confirms or contradicts" in Page(replay_page(report)).text


def test_gaps_count_conversations_and_put_the_never_answered_first() -> None:
    found = findings.gaps(QUESTIONS)
    assert [(g.question, g.asked, g.without, g.unsettled) for g in found] == [
        ("Question 4?", 1, 1, 1),
        ("Question 2?", 3, 2, 0),  # the second of them asked twice in one conversation
    ]
    assert found[1].wordings == ("Question 3?",)
    page = Page(replay_page(full_report()))
    assert "Question 4? #help 1 1 1 Jan 2024" in page.text


def test_outcomes_by_channel() -> None:
    channels = findings.channels(full_report())
    assert [(c.name, c.total) for c in channels] == [("help", 7), ("other", 1)]
    assert channels[0].fates == {"right": 1, "wrong": 1, "held": 1, "abstained": 4}
    page = Page(replay_page(full_report()))
    assert "Of 8 questions: card, right 1, card, nobody can tell 0, card, wrong 1" in str(page.tags)


def test_the_smallest_channels_share_a_bar() -> None:
    questions = tuple(
        asked(str(n), Fate.HELD, n, channel=f"C{c}", channel_name=f"c{c}")
        for c in range(20)
        for n in range(20 - c)
    )
    text = Page(replay_page(replay_report(records(questions=questions)))).text
    assert "9 smaller channels" in text
    assert "All channels" in text


def test_the_best_and_the_worst_are_ten_and_varied() -> None:
    cards = tuple(
        card(str(n), n, f"d{n % 6}", confidence=n / 100, agrees=n % 2 == 0, human_at=at(n + 50))
        for n in range(60)
    )
    report = replay_report(records(cards=cards))
    best, worst = findings.best(report.cards, 10), findings.worst(report.cards, 10)
    assert [c.card.confidence for c in best[:4]] == [0.58, 0.56, 0.54, 0.52]
    assert len({c.card.first_url for c in best[:3]}) == 3  # every source once, then again
    assert [c.right for c in best + worst] == [True] * 10 + [False] * 10
    page = Page(replay_page(report))
    assert len(page.of("article")) == 20
    assert "The ten best of 30 right" in page.text


def test_growth_and_periods() -> None:
    found = records(questions=QUESTIONS, growth=(KnownOn(day=date(2024, 1, 5), in_force=2),))
    days, in_force = findings.growth(found)
    assert (days[0], days[-1]) == (found.first_at.date(), found.last_at.date())
    assert in_force == [0, 2, 2]
    periods = findings.periods(found)
    assert len(periods) == findings.PERIODS
    assert [sum(p[1] for p in periods), sum(p[2] for p in periods)] == [8, 2]


def test_what_a_model_costs() -> None:
    values: dict[str, Any] = {
        "models": ("openai/small",),
        "calls": 1200,
        "failed": 3,
        "input_tokens": 1_000_000,
        "output_tokens": 50_000,
        "ms": (400.0, 800.0, 1200.0),
    }
    text = Page(replay_page(full_report(model_use=ModelUse(dollars=1.5, **values)))).text
    assert "1,200 calls of openai/small read 1,000,000 tokens and wrote 50,000; 3 failed." in text
    assert "That costs $1.50 for the whole history, $125.00 for a thousand messages" in text
    assert "Half of the calls took at most 0.8 s" in text
    assert (
        "What that costs is not known"
        in Page(replay_page(full_report(model_use=ModelUse(dollars=None, **values)))).text
    )


def test_equal_reports_make_equal_pages() -> None:
    assert replay_page(full_report()) == replay_page(full_report())


def test_a_text_is_cut_with_its_line_breaks() -> None:
    assert clip("one\ntwo\n \n\n\nthree", 100) == "one\ntwo\n\nthree"
    assert clip("a word, and more", 9) == "a word…"
    assert clip(" " * 1000 + "x", 10) == "…"
    assert len(clip("漢" * 100_000, 50)) <= 51
