"""An on-call story written for the project: what people in #support say and do.

Nothing is staged: what the bot says, keeps back and learns is what it does. The story has the
paper's two cases in it: a workaround from one on-call that helps in another the same day, and one
that misfires because the cause is another, after which review adds the precondition.
"""

from __future__ import annotations

from dataclasses import dataclass

ANALYST = "Sam"
ANALYST_TITLE = "Support analyst"
CUSTOMERS = ("Nina", "Omar", "Priya", "Quinn", "Rosa", "Timo")


@dataclass(frozen=True, kw_only=True, slots=True)
class Say:
    """``after`` is minutes since the step before; ``thread`` names the on-call."""

    thread: str
    who: str
    text: str
    after: float = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept:
    thread: str
    who: str
    after: float = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    minutes: float
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    text: str


Step = Say | Accept | Wait | Heading

STORY: tuple[Step, ...] = (
    Heading(text="1. A question nobody has answered yet: the bot stays silent and learns"),
    Say(
        thread="nina",
        who="Nina",
        text="Hello! Since this morning our nightly export to the Harbor bucket fails with ERR-4031. "
        "What does it mean and how do we get it running again?",
    ),
    Say(thread="nina", who="Sam", text="Hi Nina, let me have a look.", after=4),
    Say(
        thread="nina",
        who="Sam",
        text="ERR-4031 means that the write token of the bucket has expired. Create a new token under "
        "Settings > Tokens and restart the exporter: https://docs.harbor.example/tokens",
        after=9,
    ),
    Say(thread="nina", who="Nina", text="That worked, thank you!", after=6),
    Heading(text="2. The same trouble in other words: the card comes before the human, and is accepted"),
    Say(
        thread="omar",
        who="Omar",
        text="Our uploads to the Harbor bucket are rejected with ERR-4031 since today. "
        "What can we do about it?",
        after=40,
    ),
    Accept(thread="omar", who="Omar", after=3),
    Heading(text="3. The same symptom, another cause: the card misfires, review adds the precondition"),
    Say(
        thread="priya",
        who="Priya",
        text="The Harbor bucket rejects our uploads with ERR-4031, although the write token is brand new. "
        "What can we do about it?",
        after=60,
    ),
    Say(
        thread="priya",
        who="Sam",
        text="If the token is new, ERR-4031 means that the clock of your server is more than five "
        "minutes off. Run `chronyc makestep` on the server and restart the exporter.",
        after=12,
    ),
    Wait(minutes=30, why="the on-call is quiet, so the card nobody accepted is reviewed"),
    Say(
        thread="quinn",
        who="Quinn",
        text="We have a new write token, and still the Harbor bucket rejects uploads with ERR-4031. "
        "What can we do?",
        after=30,
    ),
    Heading(text="4. A standing question: what one on-call teaches answers another that still waits"),
    Say(
        thread="rosa",
        who="Rosa",
        text="How can we move a Harbor bucket to the Frankfurt region without downtime?",
        after=45,
    ),
    Say(
        thread="timo",
        who="Timo",
        text="Is it possible to move our Harbor bucket to the Frankfurt region without any downtime?",
        after=10,
    ),
    Say(
        thread="timo",
        who="Sam",
        text="Yes: turn on replication to a bucket in Frankfurt, wait until the lag shows zero and then "
        "switch the alias of the bucket: https://docs.harbor.example/move-region",
        after=8,
    ),
    Wait(minutes=10, why="the resolution is learned a few minutes after it was given"),
)
