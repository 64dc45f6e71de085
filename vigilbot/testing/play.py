"""Plays one scenario through the real bot; a step that does not hold says so with file and line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from vigilbot.admin import trusting
from vigilbot.app import engine_of
from vigilbot.domain import Event, EventKind
from vigilbot.errors import VigilBotError
from vigilbot.ports import Embedder, Engine
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.testing.checks import Checks, Mismatch, contains, lacks
from vigilbot.testing.engines import CALLS, DirectedEngine, ScriptedEngine
from vigilbot.testing.scenario import BadScenario, Scenario, Step, span
from vigilbot.testing.world import MOMENT, World


async def play(
    scenario: Scenario,
    *,
    folder: Path,
    embedder: Embedder | None = None,
    engine: Engine | None = None,
    world_of: Callable[..., World] = World,
) -> None:
    """``embedder`` is the product's, needed by an extractive scenario; ``engine`` judges instead of its own.

    ``world_of`` makes the world in which it happens. Raises Mismatch, BadScenario.
    """
    model = embedder if scenario.engine == "extractive" else HashEmbedder()
    if model is None:
        raise BadScenario("an extractive scenario needs the real embedder", place=scenario.path.name)
    world = world_of(
        settings=scenario.settings,
        folder=folder,
        embedder=model,
        engine=DirectedEngine(engine or _engine(scenario, model)),
        people=scenario.people,
        channels=scenario.channels,
        latency=scenario.latency,
    )
    async with world.standing():
        await world.start()
        try:
            actor = _Actor(world)
            for step in scenario.steps:
                await actor.act(step, scenario.path)
        finally:
            await world.stop()


def _engine(scenario: Scenario, embedder: Embedder) -> Engine:
    if scenario.engine == "extractive":
        return engine_of(scenario.settings, embedder)
    return ScriptedEngine(gullible=scenario.engine == "gullible")


class _Actor:
    """One method a kind of step."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._checks = Checks(world)
        self._acts: Mapping[str, Callable[[Step], Awaitable[None]]] = {
            "say": self._say,
            "wait": self._wait,
            "react": self._react,
            "unreact": self._react,
            "edit": self._edit,
            "delete": self._delete,
            "command": self._command,
            "accept": self._click,
            "withdraw": self._click,
            "take_back": self._click,
            "post": self._click,
            "dismiss": self._click,
            "redeliver": self._redeliver,
            "restart": self._restart,
            "meanwhile": self._meanwhile,
            "fail": self._fail,
            "refuse": self._refuse,
            "lose": self._lose,
            "teach": self._teach,
            "retract": self._retract,
            "undo": self._undo,
            "verify": self._verify,
            "both": self._both,
            "share": self._share,
            "expect": self._expect,
        }

    async def act(self, step: Step, path: Path) -> None:
        place = f"{path}:{step.line}"
        try:
            await self._acts[step.kind](step)
        except Mismatch as mismatch:
            told = "\n".join(await self._checks.story())
            raise Mismatch(f"{place}: {mismatch}\n--- what happened\n{told}") from None
        except (KeyError, IndexError, ValueError, StopIteration) as error:
            problem = f"step '{step.kind}' cannot be played: {error!r}"
            raise BadScenario(problem, place=place) from error
        except VigilBotError as error:
            error.add_note(f"at {place}")
            raise

    async def _say(self, step: Step) -> None:
        event = self._world.said(step.who, step.value, **_said(step.options))
        await self._world.life.event(event)

    async def _meanwhile(self, step: Step) -> None:
        async def happening() -> None:
            await self._world.intrude(self._happening(step.who, step.options))

        self._world.engine.meanwhile(_call(step.value), happening)

    def _happening(self, what: str, options: Mapping[str, Any]) -> Event:
        """Somebody's message, or an edit or a deletion by its author."""
        if what in ("edit", "delete"):
            label = str(options[what])
            kind = EventKind.EDITED if what == "edit" else EventKind.DELETED
            return self._world.about(label, kind, self._author(label), **_only(options, "text"))
        said = _said({key: value for key, value in options.items() if key != what})
        return self._world.said(what, str(options[what]), **said)

    async def _wait(self, step: Step) -> None:
        await self._world.wait(None if step.value == "all" else span(step.value))

    async def _react(self, step: Step) -> None:
        label = step.options.get("to") or self._world.root(step.options.get("on", "main"))
        emoji = step.options.get("with", "eyes")
        kind = EventKind.REACTION_ADDED if step.kind == "react" else EventKind.REACTION_REMOVED
        event = self._world.about(label, kind, step.value, reaction=emoji)
        await self._world.life.event(event)

    async def _edit(self, step: Step) -> None:
        await self._world.life.event(self._happening("edit", {"edit": step.value, **step.options}))

    async def _delete(self, step: Step) -> None:
        await self._world.life.event(self._happening("delete", {"delete": step.value}))

    async def _command(self, step: Step) -> None:
        label = self._world.root(step.options.get("on", "main"))
        event = self._world.about(label, EventKind.COMMAND, step.options["by"], text=step.value)
        await self._world.life.event(event)

    async def _click(self, step: Step) -> None:
        number = int(step.options.get("card", 0))
        reply = await self._world.click(
            step.kind,
            step.value,
            on=step.options.get("on", "main"),
            number=number,
            **_only(step.options, "text"),
        )
        self._checks.taken = reply.taken
        wanted = step.options.get("reply")
        if wanted is not None and str(wanted) not in reply.text:
            raise Mismatch(f"reply: expected {wanted!r} in it, got {reply.text!r}")

    async def _redeliver(self, step: Step) -> None:
        other = step.options.get("transport", "same") == "other"
        for _ in range(int(step.options.get("times", 1))):
            self._checks.taken = await self._world.again(step.value, other_transport=other)

    async def _restart(self, step: Step) -> None:
        down = timedelta(0) if step.value in (None, True) else span(step.value)
        await self._world.restart(down)

    async def _fail(self, step: Step) -> None:
        self._world.engine.fail(_call(step.value), int(step.options.get("times", 1)))

    async def _refuse(self, step: Step) -> None:
        self._world.platform.refuse(int(step.value))

    async def _lose(self, step: Step) -> None:
        self._world.platform.lose(int(step.value))

    async def _teach(self, step: Step) -> None:
        await self._world.teach(step.value, step.options["answer"], **_only(step.options, "url", "space"))

    async def _retract(self, step: Step) -> None:
        entry = await self._checks.entry(step.value)
        await self._world.parts.knowledge.retract(entry["entry"], actor="operator", reason="wrong")

    async def _undo(self, step: Step) -> None:
        entry = await self._checks.entry(step.value)
        await self._world.parts.knowledge.undo(entry["entry"], actor="operator")

    async def _verify(self, step: Step) -> None:
        entry, now = await self._checks.entry(step.value), self._world.clock.now()
        parts = self._world.parts
        await trusting.verify(parts.knowledge, parts.ledger, entry["entry"], actor="operator", at=now)

    async def _both(self, step: Step) -> None:
        first, second = [await self._checks.entry(words) for words in (step.value, step.options["and"])]
        await trusting.both_hold(
            self._world.parts.ledger,
            first["entry"],
            second["entry"],
            tenant=first["tenant"],
            actor="operator",
            at=self._world.clock.now(),
        )

    async def _share(self, step: Step) -> None:
        shown, reply = await self._world.share(
            step.value,
            on=step.options.get("on", "main"),
            number=int(step.options.get("card", 0)),
            changes=_only(step.options, "question", "answer", "links"),
        )
        contains("the form shows", step.options.get("shows", []), shown)
        lacks("the form hides", step.options.get("hides", []), shown)
        contains("reply", step.options.get("reply", []), reply)

    async def _expect(self, step: Step) -> None:
        await self._checks.expect(step.value)

    def _author(self, label: str) -> str:
        user = self._world.events[label].user
        return next(p.name for p in self._world.people.values() if p.id == user)


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    names = {"as": "label", "on": "on", "in": "channel", "after": "after", "top": "top"}
    found = {names[key]: value for key, value in options.items()}
    found["after"] = span(found["after"]) if "after" in found else MOMENT
    return found


def _only(options: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: options[key] for key in keys if key in options}


def _call(name: str) -> str:
    if name not in CALLS:
        raise ValueError(f"no call '{name}': one of {', '.join(CALLS)}")
    return name
