"""Doubles and the scenario runner that ship with VigilBot: chat in, cards and knowledge out.

Everything but what stands at an edge is the real thing: a scenario runs through the same composition
root, ledger, index, on-calls, pipeline and learning as production does, on a simulated clock.

    doubles    hash embedder, recording platform, failing database
    engines    a scripted engine that judges the text it gets; an engine that can be interrupted
    world      people, channels and time around one real bot
    scenario   tests/scenarios/*.yaml, read with file and line
    checks     what a scenario may expect
    play       runs one scenario
"""

from vigilbot.testing.doubles import (
    FailingDatabase,
    Fault,
    HashEmbedder,
    RecordingPlatform,
    RememberingEmbedder,
)
from vigilbot.testing.engines import DirectedEngine, ScriptedEngine
from vigilbot.testing.play import play
from vigilbot.testing.scenario import BadScenario, Scenario, read_scenario
from vigilbot.testing.world import Channel, Person, World

__all__ = [
    "BadScenario",
    "Channel",
    "DirectedEngine",
    "FailingDatabase",
    "Fault",
    "HashEmbedder",
    "Person",
    "RecordingPlatform",
    "RememberingEmbedder",
    "Scenario",
    "ScriptedEngine",
    "World",
    "play",
    "read_scenario",
]
