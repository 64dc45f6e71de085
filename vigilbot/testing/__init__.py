"""Doubles and the scenario runner that ship with VigilBot: chat in, cards and knowledge out.

Everything but what stands at an edge is the real thing: a scenario runs through the same composition
root, ledger, index, on-calls, pipeline and learning as production does, on a simulated clock.

    doubles    hash embedder, recording platform, failing database
    engines    a scripted engine that judges the text it gets; an engine that can be interrupted
    model      a model server on loopback: a queue of replies and faults, a history of requests
    faults     what models do wrong, and a player of whom a share of the replies is that
    model_player   who plays the model's part, by the scripted engine's marks
    people     persons and channels of a scenario
    world      them, and time, around one real bot
    scenario   tests/scenarios/*.yaml, read with file and line
    checks     what a scenario may expect
    play       runs one scenario
"""

from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.testing.doubles import (
    FailingDatabase,
    Fault,
    RecordingPlatform,
    RememberingEmbedder,
)
from vigilbot.testing.engines import DirectedEngine, ScriptedEngine
from vigilbot.testing.faults import FAULTS, Failing
from vigilbot.testing.model import Answered, Asked, ScriptedModel
from vigilbot.testing.model_player import MarkPlayer
from vigilbot.testing.play import play
from vigilbot.testing.scenario import BadScenario, Scenario, read_scenario
from vigilbot.testing.world import Channel, Person, World

__all__ = [
    "FAULTS",
    "Answered",
    "Asked",
    "BadScenario",
    "Channel",
    "DirectedEngine",
    "Failing",
    "FailingDatabase",
    "Fault",
    "HashEmbedder",
    "MarkPlayer",
    "Person",
    "RecordingPlatform",
    "RememberingEmbedder",
    "Scenario",
    "ScriptedEngine",
    "ScriptedModel",
    "World",
    "play",
    "read_scenario",
]
