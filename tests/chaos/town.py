"""What people do in a workspace, by chance but from a seed, and written down as they do it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.history import History
from tests.live.company import Company, control, eventually, has_action, words_of

TOPICS = (
    ("How do I rotate the signing key of the gateway?", "Run gatectl rotate on the primary"),
    ("Where are the audit logs stored?", "In the bucket named audit-trail"),
    ("Why does the nightly export stop halfway?", "Raise export.batch to nine hundred"),
    ("Which port does the metrics agent listen on?", "It listens on 9412"),
    ("Can one invoice be split between two cost centres?", "Tick split billing under finance"),
    ("What makes the mobile client log out every hour?", "Turn refresh tokens on for it"),
)
MENU = ("ask",) * 8 + ("accept",) * 7 + ("answer",) * 3 + ("wonder",) * 3 + ("edit",) * 3
MENU += ("burst", "burst", "mention", "mention", "delete", "close", "take back", "accept twice")
_SYLLABLES = ("ba", "dro", "fli", "gum", "hek", "jor", "kip", "lun", "mox", "nef", "pra", "quo", "riz", "sut")


@dataclass(kw_only=True, slots=True)
class Thread:
    """``kind``: known (there is an answer), direct (the bot is addressed), strange (nobody knows yet)."""

    ts: str
    where: str
    kind: str
    asker: str
    text: str
    accepted: dict[str, str] = field(default_factory=dict)  # by whom: the card's ts
    answered: bool = False
    over: bool = False  # deleted or closed
    edits: int = 0


class Town:
    """``places`` are channels in which all this happens."""

    def __init__(self, company: Company, history: History, rng: Random, *, places: int) -> None:
        self.company = company
        self.history = history
        self.rng = rng
        self.threads: list[Thread] = []
        self.places = tuple(f"team-{n}" for n in range(places))
        for name in self.places:
            company.channels[name] = company.ws.add_channel(name, members=company.people.values())
        self._number = 0
        self._clicking: set[asyncio.Task[None]] = set()

    @property
    def ws(self) -> Any:
        return self.company.ws

    async def learned(self, known: Callable[[], int]) -> None:
        """The bot is let in everywhere and told everything it is asked for later."""
        for name in self.places:
            await self.ws.invite(self.company.channels[name], by=self.company.people["ada"])
        await eventually(lambda: all(self.company.notices(name) for name in self.places), within=30)
        for question, fix in TOPICS:
            ts = await self._say("nina", question, where=self.places[0])
            await asyncio.sleep(0.05)
            await self._say("sam", f"FIX: {fix}", where=self.places[0], thread=ts)
        await eventually(lambda: known() >= len(TOPICS), within=30)

    async def act(self, what: str = "") -> None:
        """One thing that somebody does; where there is nothing to do it to, a question."""
        doing: dict[str, Callable[[], Awaitable[bool]]] = {
            "accept": self.accept,
            "accept twice": self._accept_twice,
            "answer": self.answer,
            "burst": self._burst,
            "close": self.close,
            "delete": self.delete,
            "edit": self.edit,
            "mention": self._mention,
            "take back": self._take_back,
            "wonder": self.wonder,
        }
        what = what or self.rng.choice(MENU)
        if what == "answer" and not any(t.kind == "strange" and not t.answered for t in self.threads[-40:]):
            what = "wonder"
        if what == "ask" or not await doing[what]():
            await self.ask()

    async def calm(self) -> None:
        """Nobody waits for the answer to a click any more."""
        while self._clicking:
            await asyncio.gather(*self._clicking)

    # -- messages

    async def _say(self, who: str, text: str, *, where: str, thread: str = "") -> str:
        ts = await self.company.say(who, text, where=where, thread=thread)
        self.history.note("said", who=who, where=self.company.channels[where], ts=ts, thread=thread or ts)
        return ts

    async def _opened(self, kind: str, text: str) -> Thread:
        who, where = self.rng.choice(("nina", "omar")), self.rng.choice(self.places)
        ts = await self._say(who, text, where=where)
        self.history.note("asked", kind=kind, who=who, where=self.company.channels[where], ts=ts)
        thread = Thread(ts=ts, where=where, kind=kind, asker=who, text=text)
        self.threads.append(thread)
        return thread

    def _question(self) -> str:
        self._number += 1
        return f"{self.rng.choice(TOPICS)[0]} Case {self._number}"

    async def ask(self) -> bool:
        await self._opened("known", self._question())
        return True

    async def _mention(self) -> bool:
        await self._opened("direct", f"<@{self.ws.bot_user}> {self._question()}")
        return True

    async def _burst(self) -> bool:
        thread = await self._opened("known", self._question())
        for _ in range(self.rng.randint(1, 2)):
            await self._say(thread.asker, thread.text, where=thread.where, thread=thread.ts)
        return True

    async def wonder(self) -> bool:
        """A question that nobody has answered before: three words of a language of its own."""
        words = ["".join(self.rng.choices(_SYLLABLES, k=4)) for _ in range(3)]
        await self._opened("strange", f"{' '.join(words)}?")
        return True

    async def answer(self) -> bool:
        thread = self._one(lambda t: t.kind == "strange" and not t.answered)
        if thread is None:
            return False
        thread.answered = True
        self._number += 1
        fix = f"FIX: Set {thread.text.split()[0]} to {self._number}"
        ts = await self._say("sam", fix, where=thread.where, thread=thread.ts)
        self.history.note("answered", thread=thread.ts, where=self.company.channels[thread.where], ts=ts)
        return True

    async def edit(self) -> bool:
        thread = self._one(lambda t: t.kind == "known" and not t.accepted)
        if thread is None:
            return False
        thread.edits += 1
        text = f"{thread.text}, edit {thread.edits}"
        place = self.company.channels[thread.where]
        await self.ws.edit(self.company.people[thread.asker], place, thread.ts, text)
        self.history.note("edited", where=place, ts=thread.ts, text=f", edit {thread.edits}")
        return True

    async def delete(self) -> bool:
        thread = self._one(lambda t: t.kind == "known" and not t.accepted and not t.edits)
        if thread is None:
            return False
        thread.over = True
        place = self.company.channels[thread.where]
        await self.ws.delete(self.company.people[thread.asker], place, thread.ts)
        self.history.note("deleted", where=place, ts=thread.ts)
        return True

    async def close(self) -> bool:
        thread = self._one(lambda t: t.kind == "known" and bool(self._card(t)))
        if thread is None:
            return False
        thread.over = True
        place = self.company.channels[thread.where]
        await self.ws.react(self.company.people["sam"], place, thread.ts, "white_check_mark")
        self.history.note("closed", where=place, ts=thread.ts)
        return True

    # -- clicks

    async def accept(self) -> bool:
        thread = self._one(lambda t: not t.accepted and bool(self._card(t)))
        if thread is None:
            return False
        self._click(thread, self.rng.choice((thread.asker, thread.asker, "sam")), "accept")
        return True

    async def _accept_twice(self) -> bool:
        """Somebody clicks twice and another once, all in one moment."""
        thread = self._one(lambda t: not t.accepted and bool(self._card(t)))
        if thread is None:
            return False
        for who in (thread.asker, thread.asker, "sam"):
            self._click(thread, who, "accept")
        return True

    async def _take_back(self) -> bool:
        thread = self._one(lambda t: thread_has_one(t) and has_action(self._card(t) or {}, "take_back"))
        if thread is None:
            return False
        [who] = thread.accepted
        thread.over = True
        self._click(thread, who, "take_back")
        return True

    def _click(self, thread: Thread, who: str, action: str) -> None:
        card = self._card(thread)
        if card is None:
            return
        thread.accepted[who] = card["ts"]
        about = {"who": who, "action": action, "card": card["ts"], "thread": thread.ts}

        async def clicked() -> None:
            try:
                name, value = control(card, action)
                place = self.company.channels[thread.where]
                done = await self.ws.click(self.company.people[who], place, card["ts"], name, value=value)
            except LookupError:  # the card looks otherwise by now
                self.history.note("missed", **about)
                return
            self.history.note("clicked", acknowledged=done, **about)

        task = asyncio.create_task(clicked())
        self._clicking.add(task)
        task.add_done_callback(self._clicking.discard)

    def _card(self, thread: Thread) -> dict[str, Any] | None:
        cards = self.company.cards(thread.ts, where=thread.where)
        return cards[-1] if cards else None

    def _one(self, fits: Callable[[Thread], bool]) -> Thread | None:
        """One of the last threads that fit."""
        found = [t for t in self.threads[-40:] if not t.over and fits(t)]
        return self.rng.choice(found) if found else None

    # -- the end

    def write_down(self) -> None:
        """What everybody sees now, and what was acknowledged."""
        for name in self.places:
            place = self.company.channels[name]
            for root in self.ws.messages(place):
                for message in self.ws.messages(place, thread=root["ts"])[1:]:
                    if message.get("user") == self.ws.bot_user:
                        self.history.note(
                            "shown",
                            where=place,
                            thread=root["ts"],
                            ts=message["ts"],
                            card=has_action(message, "why"),
                        )
        for who, user in self.company.people.items():
            for message in self.ws.ephemerals(user):
                thread = message.get("thread_ts", "")
                self.history.note("told", who=who, thread=thread, text=words_of(message)[:200])
        for envelope in self.ws.sent:
            if envelope.type == "events_api":
                event = envelope.payload.get("event", {})
                about = event.get("message", event.get("previous_message", event))
                self.history.note(
                    "sent",
                    name=envelope.name,
                    ts=event.get("item", {}).get("ts") or event.get("deleted_ts") or about.get("ts", ""),
                    acknowledged=envelope.acknowledged,
                    attempts=len(envelope.attempts),
                )


def thread_has_one(thread: Thread) -> bool:
    return len(thread.accepted) == 1
