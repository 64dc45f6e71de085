"""Language models in order: the first that gives a valid object answers; who fails rests for a while.

One total time per model (its repair included), one breaker per model, one repair, no retries: the next
try is the next model, and after the last one the caller's fallback.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from vigilbot.errors import ContextTooLong, ModelUnavailable
from vigilbot.ports import Ask, Clock, ModelState, Shape
from vigilbot.providers.breaker import Breaker, BreakerState
from vigilbot.providers.llm import Failure, Reply, Request, Send, Why
from vigilbot.providers.pictures import Pictures, parts, shown
from vigilbot.usage import ModelCall, meter, metered

log = logging.getLogger("vigilbot.models")

_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_FOR_GOOD = frozenset({Why.KEY, Why.UNKNOWN})
_NOT_ITS_FAULT = frozenset({Why.CONTEXT, Why.REFUSED, Why.LIMIT})
_REPAIRABLE = frozenset({Why.INVALID, Why.TRUNCATED, Why.EMPTY})


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRules:
    """``stages`` names other models for single judgements; ``timeout`` in seconds, per model and judgement.

    ``at_once`` judgements are asked for at one time; the others wait, which is not of their ``timeout``.
    ``sees`` and ``takes_schema`` say what a model can do.
    """

    models: Sequence[str]
    stages: Mapping[str, Sequence[str]]
    timeout: float
    at_once: int
    failures: int
    cool_down: timedelta
    max_tokens: int
    sees: Callable[[str], bool]
    takes_schema: Callable[[str], bool]


@dataclass(slots=True)
class Spending:
    """What a day (UTC) has cost so far, against its limits; None is no limit."""

    clock: Clock
    most_cost: float | None = None
    most_tokens: int | None = None
    day: date | None = None
    cost: float = 0.0
    tokens: int = 0

    def start(self, *, cost: float, tokens: int) -> None:
        """What the ledger knows of today, at the start of a process."""
        self.day, self.cost, self.tokens = self.clock.now().date(), cost, tokens

    def add(self, call: ModelCall) -> None:
        self._turn()
        if not call.cached:
            self.cost += call.cost or 0.0
            self.tokens += call.tokens_in + call.tokens_out

    def exhausted(self) -> str:
        """Why nothing more may be spent today; "" while something may."""
        self._turn()
        if self.most_cost is not None and self.cost >= self.most_cost:
            return f"today's budget of ${self.most_cost:g} is used up (model.budget)"
        if self.most_tokens is not None and self.tokens >= self.most_tokens:
            return f"today's budget of {self.most_tokens} tokens is used up (model.budget_tokens)"
        return ""

    def _turn(self) -> None:
        today = self.clock.now().date()
        if today != self.day:
            self.day, self.cost, self.tokens = today, 0.0, 0


@dataclass(slots=True)
class _Model:
    name: str
    breaker: Breaker
    last_error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What a small request to one model came to. ``error`` is "" when it answered."""

    model: str
    error: str
    ms: float
    tokens: int = 0
    cost: float | None = None


class OrderedModels:
    """``ports.LanguageModel`` over ``send``. Without ``pictures`` images are left out, in words."""

    def __init__(
        self,
        *,
        send: Send,
        rules: ModelRules,
        spending: Spending,
        clock: Clock,
        pictures: Pictures | None = None,
    ) -> None:
        self._send = send
        self._pictures = pictures
        self._rules = rules
        self._spending = spending
        self._clock = clock
        self._room = asyncio.Semaphore(rules.at_once)
        names = dict.fromkeys([*rules.models, *(m for chosen in rules.stages.values() for m in chosen)])
        self._models = {name: _Model(name, self._breaker()) for name in names}

    @property
    def version(self) -> str:
        return ", ".join(self._rules.models)

    def state(self) -> tuple[ModelState, ...]:
        return tuple(
            ModelState(
                model=model.name,
                state=model.breaker.state.value,
                until=model.breaker.until,
                last_error=model.last_error,
            )
            for model in self._models.values()
        )

    async def complete(self, ask: Ask, shape: type[Shape]) -> Shape:
        async with self._room:
            return await self._in_order(ask, shape)

    async def _in_order(self, ask: Ask, shape: type[Shape]) -> Shape:
        if spent := self._spending.exhausted():
            raise ModelUnavailable(spent)
        reasons: list[str] = []
        too_long = False
        for name in self._rules.stages.get(ask.stage) or self._rules.models:
            model = self._models[name]
            if not model.breaker.enter():
                reasons.append(f"{name} rests after: {model.last_error}")
                continue
            try:
                made = await self._tried(model, ask, shape)
            except Failure as failure:
                too_long = too_long or failure.why is Why.CONTEXT
                reasons.append(str(failure))
                continue
            if model.last_error:
                log.info("%s works again", name)
                model.last_error = ""
            return made
        if too_long:
            raise ContextTooLong("; ".join(reasons))
        raise ModelUnavailable("; ".join(reasons) or "no model is configured (model.models)")

    async def try_each(self) -> list[Tried]:
        """One tiny request to every model, breakers and budget aside. For ``doctor``."""

        class Ready(BaseModel):
            ready: bool

        ask = Ask(stage="doctor", instructions='Reply with the JSON object {"ready": true}.', data="Ready?")
        with metered():
            return [await self._tiny(name, ask, Ready) for name in self._models]

    async def _tiny(self, name: str, ask: Ask, shape: type[BaseModel]) -> Tried:
        began, before = time.perf_counter(), len(meter().calls)
        error = ""
        try:
            async with asyncio.timeout(self._rules.timeout):
                await self._turn(name, ask, shape, ())
        except TimeoutError:
            error = self._late(name)
        except Failure as failure:
            error = str(failure)
        calls = meter().calls[before:]
        costs = [call.cost for call in calls if call.cost is not None]
        return Tried(
            model=name,
            error=error,
            ms=(time.perf_counter() - began) * 1000,
            tokens=sum(call.tokens_in + call.tokens_out for call in calls),
            cost=sum(costs) if costs else None,
        )

    async def _tried(self, model: _Model, ask: Ask, shape: type[Shape]) -> Shape:
        """One model's turn, and what its breaker learns from it."""
        try:
            seen = await shown(ask.images, self._pictures) if self._rules.sees(model.name) else ()
            try:
                async with asyncio.timeout(self._rules.timeout):
                    made = await self._turn(model.name, ask, shape, seen)
            except TimeoutError:
                raise Failure(Why.TIMEOUT, self._late(model.name)) from None
        except Failure as failure:
            if failure.why in _NOT_ITS_FAULT:
                model.breaker.left()
                raise
            was = model.breaker.state
            model.last_error = str(failure)
            model.breaker.failed(for_good=failure.why in _FOR_GOOD)
            if model.breaker.state is BreakerState.OPEN and was is not BreakerState.OPEN:
                log.warning("%s: %s; it rests until %s", model.name, failure.why, model.breaker.until)
                log.debug("it said: %s", failure)
            raise
        except BaseException:
            model.breaker.left()
            raise
        model.breaker.succeeded()
        return made

    async def _turn(self, name: str, ask: Ask, shape: type[Shape], seen: Sequence[str]) -> Shape:
        """A request, and one more when its reply was of no use but says how to do better."""
        request = self._request(name, ask, shape, seen)
        try:
            return await self._object(request, shape)
        except Failure as failure:
            if failure.why is Why.REQUEST and any(seen):
                return await self._object(self._request(name, ask, shape, ()), shape)
            if failure.why not in _REPAIRABLE:
                raise
            again = {"role": "user", "content": _REPAIR.format(problem=_problem(failure))}
            said = failure.__cause__.reply.text if isinstance(failure.__cause__, _Unusable) else ""
            turns = [{"role": "assistant", "content": said}, again] if said else [again]
        repaired = Request(
            stage=request.stage,
            model=request.model,
            messages=[*request.messages, *turns],
            schema=request.schema,
            max_tokens=request.max_tokens,
        )
        return await self._object(repaired, shape)

    def _request(self, name: str, ask: Ask, shape: type[BaseModel], seen: Sequence[str]) -> Request:
        data = ask.data
        if ask.images and not any(seen):
            data += f"\n({len(ask.images)} images are left out: they cannot be shown.)\n"
        content: Any = parts(data, seen) if any(seen) else data
        first = [{"role": "system", "content": ask.instructions}] if ask.instructions else []
        schema = schema_of(shape) if self._rules.takes_schema(name) else None
        return Request(
            stage=ask.stage,
            model=name,
            messages=[*first, {"role": "user", "content": content}],
            schema=schema,
            max_tokens=self._rules.max_tokens,
        )

    async def _object(self, request: Request, shape: type[Shape]) -> Shape:
        open_meter = meter()
        if not open_meter.begin():
            raise Failure(
                Why.LIMIT, f"{request.model}: this run made all the calls it may (model.calls_per_run)"
            )
        note = _Note(stage=request.stage, model=request.model, clock=self._clock)
        try:
            note.reply = await self._send(request)
            return _judged(request.model, note.reply, shape)
        except Failure as failure:
            note.error = str(failure)
            raise
        except asyncio.CancelledError:
            note.error = "stopped: out of time, or no longer needed"
            raise
        finally:
            call = note.call()
            open_meter.calls.append(call)
            self._spending.add(call)

    def _breaker(self) -> Breaker:
        rules = self._rules
        return Breaker(failures=rules.failures, cool_down=rules.cool_down, clock=self._clock)

    def _late(self, name: str) -> str:
        return f"{name}: no reply within {self._rules.timeout:g} s (model.timeout)"


_REPAIR = (
    "Your reply could not be used: {problem}. Reply again with one JSON object of the form described above, "
    "complete and nothing else."
)


@dataclass(slots=True)
class _Note:
    """A call while it is being made."""

    stage: str
    model: str
    clock: Clock
    began: float = field(default_factory=time.perf_counter)
    reply: Reply | None = None
    error: str = ""

    def call(self) -> ModelCall:
        reply = self.reply
        spent = (time.perf_counter() - self.began) * 1000
        return ModelCall(
            stage=self.stage,
            model=self.model,
            at=self.clock.now(),
            ms=round(reply.ms if reply else spent, 3),
            tokens_in=reply.tokens_in if reply else 0,
            tokens_out=reply.tokens_out if reply else 0,
            cost=reply.cost if reply else None,
            cached=bool(reply and reply.cached),
            error=self.error,
        )


class _Unusable(Exception):
    """The reply a failure is about."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def _judged(model: str, reply: Reply, shape: type[Shape]) -> Shape:
    """The reply as an object. Raises Failure."""
    if reply.refusal or reply.finish == "content_filter":
        raise Failure(
            Why.REFUSED, f"{model}: it refused: {' '.join(reply.refusal.split())[:200] or 'filter'}"
        )
    if reply.finish == "length":
        raise Failure(Why.TRUNCATED, f"{model}: the reply was cut off (model.max_tokens)") from _Unusable(
            reply
        )
    text = _THOUGHTS.sub("", reply.text)
    if not text.strip():
        raise Failure(Why.EMPTY, f"{model}: the reply is empty") from _Unusable(reply)
    try:
        return shape.model_validate(_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        problem = f"{place}: {first['msg']}" if place else str(first["msg"])
    except ValueError as error:
        problem = str(error)
    raise Failure(Why.INVALID, f"{model}: the reply is not what was asked for ({problem})") from _Unusable(
        reply
    )


def _json(text: str) -> Any:
    """The first JSON object of a text: models put words or a fence around it. Raises ValueError."""
    start = text.find("{")
    if start < 0:
        raise ValueError("no JSON object")
    try:
        return json.JSONDecoder().raw_decode(text, start)[0]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _problem(failure: Failure) -> str:
    return str(failure).partition(": ")[2]


def schema_of(shape: type[BaseModel]) -> dict[str, Any]:
    """The shape's JSON schema as strict providers want it: everything required, nothing more."""
    schema: dict[str, Any] = _strict(shape.model_json_schema())
    return schema


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    drop = ("title", "description", "default", "minimum", "maximum", "maxLength", "minLength", "maxItems")
    kept = {key: _strict(value) for key, value in node.items() if key not in drop or isinstance(value, dict)}
    if node.get("type") == "object":
        kept |= {"additionalProperties": False, "required": list(node.get("properties", {}))}
    return kept
