"""Is everything there that the bot needs? One line a check, with what to do where it is not.

A check that fails stops no other. Nothing is created or changed, and a running bot is not disturbed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np

from vigilbot.domain import Dialogue, Message, Role, Scope
from vigilbot.errors import BadInput
from vigilbot.ports import Embedder, Engine
from vigilbot.prompts import load_prompts

LEAST_FREE = 200 * 1024 * 1024  # bytes: below, a busy ledger and an index may not fit
SENTENCES = 16
SLOW = 200.0  # milliseconds a sentence, above which a run keeps people waiting
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

SAMPLE = "The nightly export stops with an error since the last update. How can I make it run again?"
_KINDS = {"extractive": "embeddings and small trained classifiers"}
_SPOKEN = (
    "The app closes when I open the settings page.",
    "How do I reset the password of another user?",
    "Is there a way to move a project to another team?",
    "It works now, thank you very much!",
)


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it runs, but somebody should know
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One line. ``remedy`` is "" when there is nothing to mend."""

    name: str
    status: Status
    found: str
    remedy: str = ""


class LedgerFacts(Protocol):
    """What a look at a ledger's file tells (``stores.inspection.LedgerState``)."""

    @property
    def holder(self) -> str | None: ...
    @property
    def schema(self) -> int: ...
    @property
    def problems(self) -> tuple[str, ...]: ...
    @property
    def entries(self) -> int: ...
    @property
    def lexical(self) -> int: ...
    @property
    def covered(self) -> Mapping[str, int] | None: ...
    @property
    def sizes(self) -> Mapping[str, tuple[int, ...]] | None: ...


class TriedModel(Protocol):
    """What a small request to a language model came to (``providers.models.Tried``)."""

    @property
    def model(self) -> str: ...
    @property
    def error(self) -> str: ...
    @property
    def ms(self) -> float: ...
    @property
    def tokens(self) -> int: ...
    @property
    def cost(self) -> float | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Premises:
    """What is examined. The openers raise what the bot's own start would raise.

    ``platform`` looks at the connection to the chat platform; its checks come last, under names of their
    own. ``leaving`` says what is fetched from the web. ``known_bad`` names malicious packages that are here,
    ``retention`` how long texts are kept and what its last round removed. ``try_models`` makes one tiny
    request to each configured language model; None without any.

    ``generation`` says what state the vector index's files are in, for the model's vectors in the
    ledger: "" for none, "sound", or what is the matter; None when vectors are searched without files.
    """

    prompts: Path | None
    data: Path
    ledger: Path
    newest_schema: int
    look: Callable[[], LedgerFacts]
    open_embedder: Callable[[], Awaitable[Embedder]]
    make_engine: Callable[[Embedder], Engine]
    try_models: Callable[[], Awaitable[Sequence[TriedModel]]] | None
    generation: Callable[[str], Awaitable[str]] | None
    environ: Mapping[str, str]
    platform: Callable[[], Awaitable[Sequence[Check]]] | None = None
    leaving: Callable[[], str] | None = None
    known_bad: Callable[[], Sequence[str]] = tuple
    retention: Callable[[], str] = str


@dataclass(slots=True)
class _Seen:
    """What earlier checks found that later ones build on."""

    ledger: LedgerFacts | None = None
    embedder: Embedder | None = None


async def examine(premises: Premises) -> AsyncIterator[Check]:
    """Every check in turn, as it is done."""
    seen = _Seen()
    for name, check in _CHECKS.items():
        try:
            found = await check(premises, seen)
        except BadInput as error:
            problem = f"{error.place}: {error.problem}" if error.place else error.problem
            found = Check(name=name, status=Status.FAILED, found=problem, remedy=error.remedy)
        except Exception as error:  # whatever is broken, the checks after it are still of use
            found = Check(
                name=name,
                status=Status.FAILED,
                found=f"{type(error).__name__}: {error}",
                remedy=_remedy(error),
            )
        yield replace(found, name=name)
    if premises.platform is not None:
        for each in await _platform(premises.platform):
            yield each


async def _platform(look: Callable[[], Awaitable[Sequence[Check]]]) -> Sequence[Check]:
    try:
        return await look()
    except Exception as error:  # whatever is broken, it is a line of the report
        found = f"{type(error).__name__}: {error}"
        return [Check(name="platform", status=Status.FAILED, found=found, remedy=_remedy(error))]


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "Install what is missing: `make install`"
    return "Report this with the whole output of `vigilbot doctor --json`"


async def _prompts(premises: Premises, _: _Seen) -> Check:
    prompts = load_prompts() if premises.prompts is None else load_prompts(premises.prompts)
    where = "the project's own" if premises.prompts is None else str(premises.prompts)
    revisions = ", ".join(f"{name} {prompt.revision}" for name, prompt in prompts.items())
    return _ok(f"{where}: {revisions}")


async def _data(premises: Premises, _: _Seen) -> Check:
    folder = premises.data.absolute()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        return _failed(f"{there} is a file, not a folder", "Name another folder with data.dir")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return _failed(
            f"{there} may not be written by this user",
            "Give permission, or name another folder with data.dir",
        )
    free = shutil.disk_usage(there).free
    exists = (
        f"{folder}" if there == folder else f"{folder} is not there yet and will be made at the first start"
    )
    found = f"{exists}; {_size(free)} free"
    if free < LEAST_FREE:
        return _warning(found, f"Make room: less than {_size(LEAST_FREE)} is soon full")
    return _ok(found)


async def _ledger(premises: Premises, seen: _Seen) -> Check:
    place = premises.ledger
    if not place.exists():
        return _ok(f"{place} is not there yet and will be made at the first start")
    state = premises.look()
    if state.problems:
        damage = "; ".join(state.problems)
        return _failed(f"{place} is damaged: {damage}", "Stop the bot and restore the ledger from a backup")
    schema = f"schema {state.schema}"
    if state.schema > premises.newest_schema:
        return _failed(
            f"{place} was made by a newer VigilBot ({schema}, this one reads {premises.newest_schema})",
            "Install that version, or name another folder with data.dir",
        )
    if state.schema < premises.newest_schema:
        return _warning(
            f"{place} is sound, {schema}; the next start brings it to {premises.newest_schema}",
            "Make a backup first: an older version cannot read it afterwards",
        )
    seen.ledger = state
    user = "nobody uses it" if state.holder is None else f"in use by process {state.holder or 'unknown'}"
    found = f"{place} is sound, {schema}, {state.entries} entries in force; {user}"
    if state.lexical != state.entries:
        return _warning(
            f"{found}; the lexical index has {state.lexical} of them", "`vigilbot kb reindex --all`"
        )
    return _ok(found)


async def _embedder(premises: Premises, seen: _Seen) -> Check:
    began = time.perf_counter()
    embedder = await premises.open_embedder()
    await embedder.embed(["The first text pays for what is loaded late."])
    loading = time.perf_counter() - began
    texts = [f"{_SPOKEN[n % len(_SPOKEN)]} ({n})" for n in range(SENTENCES)]
    began = time.perf_counter()
    vectors = await embedder.embed(texts)
    each = (time.perf_counter() - began) * 1000 / SENTENCES
    shape = (SENTENCES, embedder.dimensions)
    if vectors.shape != shape or not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
        return _failed(
            f"{embedder.model} gives vectors of shape {vectors.shape} that are not {shape} of length 1",
            "Name a sentence-transformers model with embedder.path, or none",
        )
    seen.embedder = embedder
    speed = f"{each:.1f} ms a sentence, ready in {loading:.1f} s"
    found = f"{embedder.model}, {embedder.dimensions} dimensions, {speed}"
    if each > SLOW:
        return _warning(found, "Free the processor, or name a smaller model with embedder.path")
    return _ok(found)


async def _vectors(_: Premises, seen: _Seen) -> Check:
    if seen.embedder is None:
        return _unchecked("the embedding model")
    if seen.ledger is None:
        return _ok("the ledger has none yet, or could not be looked at")
    model, dimensions = seen.embedder.model, seen.embedder.dimensions
    strange = [size for size in (seen.ledger.sizes or {}).get(model, ()) if size != dimensions]
    if strange:
        return _failed(
            f"the ledger's vectors of {model} have {strange[0]} dimensions, the model gives {dimensions}",
            "Give the other model another name with embedder.model, or run `vigilbot kb reindex --all`",
        )
    covered = seen.ledger.covered or {}
    have, entries = covered.get(model, 0), seen.ledger.entries
    others = sorted(name for name in covered if name != model)
    beside = f"; the ledger also has vectors of {', '.join(others)}" if others else ""
    found = f"{have} of {entries} entries in force have a vector of {model}{beside}"
    if have < entries:
        return _warning(found, "`vigilbot kb reindex` embeds the rest; the next start would do it too")
    return _ok(found)


async def _index(premises: Premises, seen: _Seen) -> Check:
    if premises.generation is None:
        return _ok("exact search over the ledger's own vectors: there is no index to keep in step")
    if seen.ledger is None:
        return _ok("exact search until there are vectors to index")
    if seen.ledger.holder is not None:
        return _ok("in the hands of the running bot")
    if seen.embedder is None:
        return _unchecked("the embedding model")
    state = await premises.generation(seen.embedder.model)
    if state == "sound":
        return _ok("the files hold just the ledger's vectors")
    if not state:
        return _ok("none on disk: exact search serves, the bot builds it in the background when it pays")
    return _warning(
        f"{state}: it will be thrown away, and exact search serves until it is built anew",
        "Nothing has to be done; `vigilbot kb reindex` has it ready for the next start",
    )


async def _engine(premises: Premises, seen: _Seen) -> Check:
    if seen.embedder is None:
        return _unchecked("the embedding model")
    engine = premises.make_engine(seen.embedder)
    asked = Message(
        id="doctor",
        ts="1",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        role=Role.CUSTOMER,
        author="doctor",
        text=SAMPLE,
    )
    began = time.perf_counter()
    judged = await engine.identify(Dialogue(messages=(asked,)), (asked,), scope="")
    spent = (time.perf_counter() - began) * 1000
    standing_in = "stands in while no model answers: " if premises.try_models else ""
    found = (
        f"{standing_in}{engine.name} {engine.version} ({_KINDS.get(engine.name, 'a language model')}); "
        f"a sample question was judged {judged.scope} in {spent:.0f} ms, probability {judged.within:.2f}"
    )
    if judged.scope is not Scope.WITHIN:
        return _warning(found, "It should be within: check embedder.model and identify.threshold")
    return _ok(found)


async def _models(premises: Premises, _: _Seen) -> Check:
    if premises.try_models is None:
        return _ok("none is configured, and none is needed")
    tried = await premises.try_models()
    answered = [model for model in tried if not model.error]
    silent = [model for model in tried if model.error]
    found = "; ".join([*map(_answered, answered), *(model.error for model in silent)])
    if not answered:
        return _failed(found, "Mend what it says; until then the extractive engine stands in")
    if silent:
        return _warning(found, "The others do its work; mend it, or take it out of model.models")
    return _ok(found)


def _answered(tried: TriedModel) -> str:
    price = "price unknown" if tried.cost is None else f"${tried.cost:.6f}"
    return f"{tried.model} answered in {tried.ms:.0f} ms ({tried.tokens} tokens, {price})"


async def _retention(premises: Premises, seen: _Seen) -> Check:
    if seen.ledger is None:
        return _ok("the ledger has nothing yet, or could not be looked at")
    return _ok(premises.retention())


async def _proxies(premises: Premises, _: _Seen) -> Check:
    named = [name for name in (*PROXIES, *map(str.lower, PROXIES)) if premises.environ.get(name)]
    if not named:
        return _ok("no proxy in the environment")
    return _warning(
        f"{', '.join(named)} set: connections to the platform and to models may go through a proxy",
        "If one cannot be reached, unset it or list the host in NO_PROXY",
    )


async def _documents(premises: Premises, seen: _Seen) -> Check:
    """What a running bot fetches from the web; a rule that is none fails here."""
    return _ok(premises.leaving() if premises.leaving is not None else "no page is fetched")


async def _packages(premises: Premises, _: _Seen) -> Check:
    if found := premises.known_bad():
        said = f"malicious code is installed: {', '.join(found)}"
        return _failed(said, "Change every secret of this machine, then make the environment anew")
    return _ok("none of the releases that are known to be malicious")


_CHECKS: Mapping[str, Callable[[Premises, _Seen], Awaitable[Check]]] = {
    "packages": _packages,
    "prompts": _prompts,
    "data folder": _data,
    "ledger": _ledger,
    "embedding model": _embedder,
    "vectors": _vectors,
    "index": _index,
    "engine": _engine,
    "language model": _models,
    "documents": _documents,
    "retention": _retention,
    "network": _proxies,
}


def _ok(found: str) -> Check:
    return Check(name="", status=Status.OK, found=found)


def _warning(found: str, remedy: str) -> Check:
    return Check(name="", status=Status.WARNING, found=found, remedy=remedy)


def _failed(found: str, remedy: str) -> Check:
    return Check(name="", status=Status.FAILED, found=found, remedy=remedy)


def _unchecked(needed: str) -> Check:
    return _warning(f"not checked: it needs {needed}", "See above")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
