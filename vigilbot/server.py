"""The bot's own web server: is it alive, is it ready, how is it doing; and what a platform calls.

``/metrics`` holds no state of its own: every figure is read from the ledger and the transport when it
is asked for, so a restart loses none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vigilbot.errors import BadInput, LedgerError
from vigilbot.ledger import Ledger, Letter
from vigilbot.ledger.figures import COUNTS, MODEL_CALLS, STAGES, UNKNOWN, WAITING
from vigilbot.ledger.rows import moment
from vigilbot.ports import Clock, ModelState, TransportState

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
"""Method, path and handler: how a platform's own pages are added."""

TEXT = "text/plain; version=0.0.4; charset=utf-8"
LARGEST = 4 * 1024 * 1024  # bytes of a request; a platform's events are far smaller
CLOSING = 5.0  # seconds that requests under way get when the server stops

_HELP = {
    "events": ("vigilbot_events_total", "state", "Events received, by what became of them."),
    "oncalls": ("vigilbot_oncalls", "state", "On-calls by state."),
    "runs": ("vigilbot_runs_total", "result", "Runs of the pipeline by result."),
    "deliveries": ("vigilbot_deliveries", "state", "Cards by state."),
    "outcomes": ("vigilbot_outcomes", "outcome", "Answers by what became of them."),
    "knowledge": ("vigilbot_knowledge", "trust", "Knowledge entries in force."),
    "operations": ("vigilbot_knowledge_operations_total", "operation", "Changes of knowledge."),
    "requests": ("vigilbot_requests", "state", "Direct requests to the bot."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexFigures:
    """The vector index beside exact search. ``ready``: it serves, or would; ``behind``: vectors it lacks."""

    ready: bool
    vectors: int
    behind: int
    rebuilds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """How the bot is doing now. Ready when there are no ``reasons``; both are lines for an operator.

    ``remedies``: what to do, by the line it is for.
    """

    reasons: tuple[str, ...]  # why it cannot do its work
    remarks: tuple[str, ...] = ()  # what somebody should look at; it works all the same
    remedies: Mapping[str, str] = field(default_factory=dict)
    models: tuple[ModelState, ...] = ()
    index: IndexFigures | None = None  # None: exact search alone
    transport: TransportState | None = None
    without_model: bool = False  # the extractive engine stands in for the language model


class Server:
    """``start`` returns the address it listens on. Raises BadInput when it cannot listen there."""

    def __init__(
        self,
        *,
        condition: Callable[[], Awaitable[Condition]],
        ledger: Ledger,
        clock: Clock,
        routes: Sequence[Route] = (),
    ) -> None:
        self._condition = condition
        self._ledger = ledger
        self._clock = clock
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=CLOSING)

    async def start(self, *, host: str, port: int) -> str:
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise BadInput(
                f"cannot listen on {host} port {port}: {error.strerror or error}",
                place="server.port",
                remedy="Stop what uses it, or name another with server.host and server.port",
            ) from error
        taken = self._runner.addresses[0]
        name = f"[{taken[0]}]" if ":" in taken[0] else taken[0]
        return f"http://{name}:{taken[1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        now = await self._condition()
        body = {
            "ready": not now.reasons,
            "reasons": list(now.reasons),
            "remarks": list(now.remarks),
            "remedies": dict(now.remedies),
        }
        return web.json_response(body, status=503 if now.reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        now = await self._condition()
        families = [*_of_condition(now, clock=self._clock)]
        try:
            families += await self._of_ledger()
        except LedgerError:  # the figures that are known are told all the same; readyz says what is wrong
            families.append(GaugeMetricFamily("vigilbot_ledger_readable", "The ledger answers.", value=0))
        else:
            families.append(GaugeMetricFamily("vigilbot_ledger_readable", "The ledger answers.", value=1))
        registry = CollectorRegistry()
        registry.register(_Figures(families))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TEXT})

    async def _of_ledger(self) -> list[Metric]:
        [waiting] = await self._ledger.fetch(WAITING)
        age = 0.0
        if waiting["oldest"]:
            age = max(0.0, (self._clock.now() - moment(waiting["oldest"])).total_seconds())
        found: list[Metric] = [
            GaugeMetricFamily(
                "vigilbot_inbox_depth", "Events not yet taken into an on-call.", waiting["events"]
            ),
            GaugeMetricFamily("vigilbot_inbox_age_seconds", "Age of the oldest of them.", age),
        ]
        [unknown] = await self._ledger.fetch(UNKNOWN)
        found.append(
            GaugeMetricFamily("vigilbot_deliveries_unknown", "Cards that may have arrived.", unknown["n"])
        )
        dead = GaugeMetricFamily("vigilbot_dead_letters", "Work that was given up.", labels=["kind"])
        counted = await self._ledger.dead.counted()
        for letter in Letter:
            dead.add_metric([letter.value], counted.get(letter.value, 0))
        found.append(dead)
        counts = await self._ledger.fetch(COUNTS)
        for name, (metric, label, told) in _HELP.items():
            kind = CounterMetricFamily if metric.endswith("_total") else GaugeMetricFamily
            family = kind(metric, told, labels=[label])
            for row in counts:
                if row["name"] == name:
                    family.add_metric([str(row["label"])], row["n"])
            found.append(family)
        return [*found, *await self._stages(), *await self._models()]

    async def _stages(self) -> list[Metric]:
        family = GaugeMetricFamily(
            "vigilbot_stage_milliseconds",
            "Time of a stage of the pipeline over the last 200 runs.",
            labels=["stage", "quantile"],
        )
        for stage, rows in groupby(await self._ledger.fetch(STAGES), key=lambda row: str(row["stage"])):
            times = [float(row["ms"]) for row in rows]
            for quantile in (0.5, 0.95):
                family.add_metric([stage, str(quantile)], times[int(quantile * (len(times) - 1))])
        return [family]

    async def _models(self) -> list[Metric]:
        calls = CounterMetricFamily(
            "vigilbot_model_calls", "Requests to language models.", labels=["model", "failed"]
        )
        paid = CounterMetricFamily("vigilbot_model_dollars", "What they cost.", labels=["model"])
        tokens = CounterMetricFamily(
            "vigilbot_model_tokens", "Tokens sent and received.", labels=["model", "direction"]
        )
        for model, rows in groupby(await self._ledger.fetch(MODEL_CALLS), key=lambda row: str(row["model"])):
            spent, sent, received = 0.0, 0.0, 0.0
            for row in rows:
                calls.add_metric([model, "yes" if row["failed"] else "no"], row["n"])
                spent += row["paid"]
                sent += row["tokens_in"]
                received += row["tokens_out"]
            paid.add_metric([model], spent)
            tokens.add_metric([model, "sent"], sent)
            tokens.add_metric([model, "received"], received)
        return [calls, paid, tokens]


class _Figures(Collector):
    """Families that were made before, handed to the library's own exposition."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _of_condition(now: Condition, *, clock: Clock) -> Iterator[Metric]:
    yield GaugeMetricFamily("vigilbot_ready", "The bot can do its work.", value=not now.reasons)
    yield GaugeMetricFamily(
        "vigilbot_without_model",
        "The extractive engine stands in for the language model.",
        value=now.without_model,
    )
    resting = GaugeMetricFamily(
        "vigilbot_model_resting", "The model failed and is left alone for a while.", labels=["model"]
    )
    for model in now.models:
        resting.add_metric([model.model], model.state != "closed")
    yield resting
    if now.index is not None:
        yield GaugeMetricFamily("vigilbot_index_ready", "The index is in step.", value=now.index.ready)
        yield GaugeMetricFamily("vigilbot_index_vectors", "Vectors searched.", value=now.index.vectors)
        yield GaugeMetricFamily("vigilbot_index_behind", "Vectors it lacks.", value=now.index.behind)
        yield CounterMetricFamily(
            "vigilbot_index_rebuilds", "Times it was thrown away and built anew.", value=now.index.rebuilds
        )
    state = now.transport
    if state is None:
        return
    yield GaugeMetricFamily("vigilbot_connected", "The platform is connected.", value=state.connected)
    yield GaugeMetricFamily("vigilbot_sockets", "Open connections to the platform.", value=state.sockets)
    yield CounterMetricFamily(
        "vigilbot_rate_limited", "Times the platform said to slow down.", value=state.limited
    )
    if state.last_event_at is not None:
        age = (clock.now() - state.last_event_at).total_seconds()
        yield GaugeMetricFamily("vigilbot_last_event_age_seconds", "Since the last event.", value=age)
