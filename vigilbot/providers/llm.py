"""The door to litellm: one request to one model, foreign exceptions turned into failures with a reason.

litellm takes seconds to import and would fetch its price list from the network, read a .env file and
report home; ``open_litellm`` imports it in a thread with all of that off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any

from vigilbot.errors import BadSettings, VigilBotError
from vigilbot.providers.packages import refuse_known_bad

ENVIRONMENT: Mapping[str, str] = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices come with the package, not from the network
    "LITELLM_MODE": "PRODUCTION",  # no .env file of the current folder is read
    "LITELLM_LOG": "ERROR",
}


PREPARING = 0.2  # seconds after which a request is on its way
WARMED = "openai/gpt-4.1-mini"


class Why(StrEnum):
    """Why a request was of no use."""

    KEY = "key"
    UNKNOWN = "unknown model"
    RATE = "rate limit"
    NETWORK = "network"
    SERVER = "server error"
    TIMEOUT = "timeout"
    REQUEST = "refused request"
    CONTEXT = "context too long"
    REFUSED = "content refused"
    EMPTY = "empty reply"
    TRUNCATED = "truncated reply"
    INVALID = "invalid reply"
    LIMIT = "call limit"


class Failure(VigilBotError):
    """A request to a model was of no use. The message is a line for the operator."""

    def __init__(self, why: Why, line: str) -> None:
        self.why = why
        super().__init__(line)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request. ``messages`` are in OpenAI's form; ``schema`` is the reply's JSON schema."""

    stage: str
    model: str
    messages: Sequence[Mapping[str, Any]]
    schema: Mapping[str, Any] | None
    max_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back, not yet judged. ``cost`` in US dollars, None when the price is not known."""

    text: str
    finish: str
    refusal: str
    tokens_in: int
    tokens_out: int
    cost: float | None
    ms: float
    cached: bool = False


Send = Callable[[Request], Awaitable[Reply]]


class LiteLlm:
    """``send`` makes exactly one HTTP request: retries, fallbacks and timeouts are the caller's."""

    def __init__(self, library: ModuleType, *, api_bases: Mapping[str, str], seconds: float) -> None:
        self._library = library
        self._api_bases = api_bases
        self._seconds = seconds
        self._leaving: set[asyncio.Task[Any]] = set()  # no longer waited for, not yet ended

    def check(self, model: str) -> None:
        """Raises BadSettings for a name without a known provider, or one whose key is not there."""
        remedy = "Write provider/model, for instance openai/gpt-4.1-mini or ollama_chat/llama3.1"
        try:
            self._library.get_llm_provider(model=model)
        except Exception as error:  # litellm raises several kinds here, none documented
            raise BadSettings(
                f"'{model}' names no known provider", place="model.models", remedy=remedy
            ) from error
        if self._base(model):
            return
        missing = self._library.validate_environment(model=model)["missing_keys"]
        if missing:
            raise BadSettings(
                f"{model} needs {', '.join(missing)} in the environment",
                place="model.models",
                remedy="Set it, or name the address of a local server with model.api_base",
            )

    def sees(self, model: str) -> bool:
        return bool(self._library.supports_vision(model=model))

    def takes_schema(self, model: str) -> bool:
        return bool(self._library.supports_response_schema(model=model))

    async def send(self, request: Request) -> Reply:
        began = time.perf_counter()
        asking = asyncio.ensure_future(self._complete(request))
        try:
            response = await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._leave(asking)
            raise
        except Exception as error:  # whatever a provider's client raises comes through litellm
            raise self._failure(request.model, error) from error
        return _reply(request.model, response, (time.perf_counter() - began) * 1000)

    def _complete(self, request: Request) -> Coroutine[Any, Any, Any]:
        base = self._base(request.model)
        asking: Coroutine[Any, Any, Any] = self._library.acompletion(
            model=request.model,
            messages=list(request.messages),
            response_format=_format(request),
            max_tokens=request.max_tokens,
            temperature=0,
            drop_params=True,
            num_retries=0,
            max_retries=0,
            timeout=self._seconds,
            **({"api_base": base} if base else {}),
            **({"api_key": "none"} if base and self._keyless(request.model) else {}),
        )
        return asking

    def _leave(self, asking: asyncio.Task[Any]) -> None:
        """Ends a request nobody waits for, a little later: litellm prepares requests in a thread first,
        and one that is cancelled there leaves a coroutine behind that nobody awaits."""
        self._leaving.add(asking)
        timer = asyncio.get_running_loop().call_later(PREPARING, asking.cancel)

        def ended(task: asyncio.Task[Any]) -> None:
            timer.cancel()
            self._leaving.discard(task)
            if not task.cancelled():
                task.exception()  # nobody is interested any more

        asking.add_done_callback(ended)

    async def close(self) -> None:
        """Ends what is left and closes all connections, those of others in this process included: they
        open new ones when they need them."""
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2 * PREPARING)
        await GLOBAL_LOGGING_WORKER.stop()
        await self._library.close_litellm_async_clients()
        self._library.in_memory_llm_clients_cache.flush_cache()

    def _base(self, model: str) -> str:
        return self._api_bases.get(model) or self._api_bases.get("*", "")

    def _keyless(self, model: str) -> bool:
        """A server of one's own: clients insist on a key, the server does not."""
        return not os.environ.get(_variable(model))

    def _failure(self, model: str, error: Exception) -> Failure:
        known = self._library.exceptions
        said = _short(str(error))
        table: tuple[tuple[tuple[type[BaseException], ...], Why, str], ...] = (
            ((known.ContextWindowExceededError,), Why.CONTEXT, "the request is longer than it can read"),
            ((known.ContentPolicyViolationError,), Why.REFUSED, "the provider's filter refused the text"),
            (
                (known.AuthenticationError, known.PermissionDeniedError),
                Why.KEY,
                f"the provider refuses the key: check {_variable(model)} in the environment",
            ),
            (
                (known.NotFoundError, known.LiteLLMUnknownProvider),
                Why.UNKNOWN,
                "the provider knows no such model: check model.models and model.api_base",
            ),
            ((known.RateLimitError,), Why.RATE, "the provider limits the rate or the quota is used up"),
            ((known.Timeout,), Why.TIMEOUT, f"no reply within {self._seconds:g} s (model.timeout)"),
            (
                (known.BadRequestError, known.UnprocessableEntityError),
                Why.REQUEST,
                f"request refused: {said}",
            ),
        )
        if _unreached(error):
            return Failure(Why.NETWORK, f"{model}: cannot be reached: check the network and model.api_base")
        forbidden = any(getattr(each, "status_code", 0) == 403 for each in _causes(error))
        for kinds, why, line in table:
            if isinstance(error, kinds) or (forbidden and why is Why.KEY):
                return Failure(why, f"{model}: {line}")
        return Failure(Why.SERVER, f"{model}: the provider failed: {said}")


async def open_litellm(
    *, api_bases: Mapping[str, str], seconds: float, models: Sequence[str] = (WARMED,)
) -> LiteLlm:
    """Imported and warmed up for these models in a thread, so that the loop goes on meanwhile (3 to 6 s)."""
    refuse_known_bad()
    library = await asyncio.to_thread(_imported, models)
    return LiteLlm(library, api_bases=api_bases, seconds=seconds)


def _imported(models: Sequence[str]) -> ModuleType:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # litellm's own types warn while they are built
        import litellm

        litellm.telemetry = False
        litellm.suppress_debug_info = True
        litellm.turn_off_message_logging = True
        litellm.callbacks = []
        litellm.success_callback = []
        litellm.failure_callback = []
        litellm.disable_aiohttp_transport = True  # its sessions outlive their loop
        logging.getLogger("LiteLLM").setLevel(logging.ERROR)
        loop = _Unconnected()
        try:
            loop.run_until_complete(_warmed(litellm, models))
        finally:
            loop.close()
    return litellm


class _Unconnected(asyncio.SelectorEventLoop):
    """An event loop from which nothing can be reached."""

    async def create_connection(self, *args: Any, **more: Any) -> Any:
        raise ConnectionRefusedError("nothing is sent while a library is loaded")

    async def getaddrinfo(self, *args: Any, **more: Any) -> Any:
        raise ConnectionRefusedError("nothing is asked while a library is loaded")


async def _warmed(library: ModuleType, models: Sequence[str]) -> None:
    """What is loaded at the first call is loaded now: five hundred modules, most of a second of the loop."""
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    said = [{"role": "user", "content": "-"}]
    await library.acompletion(model=WARMED, messages=said, mock_response="-")
    for model in models:
        with contextlib.suppress(Exception):  # refused, in whatever form the provider says so
            await library.acompletion(
                model=model,
                messages=said,
                api_base="http://127.0.0.1:9",
                api_key="none",
                timeout=1,
                num_retries=0,
                max_retries=0,
            )
    await GLOBAL_LOGGING_WORKER.stop()


def _format(request: Request) -> dict[str, Any]:
    if request.schema is None:
        return {"type": "json_object"}
    known = {"name": request.stage, "schema": dict(request.schema), "strict": True}
    return {"type": "json_schema", "json_schema": known}


def _reply(model: str, response: Any, ms: float) -> Reply:
    if not response.choices:
        raise Failure(Why.EMPTY, f"{model}: the reply is empty (no choices)")
    choice = response.choices[0]
    usage = getattr(response, "usage", None)
    hidden = getattr(response, "_hidden_params", None) or {}
    more = getattr(choice.message, "provider_specific_fields", None) or {}
    return Reply(
        text=choice.message.content or "",
        finish=str(choice.finish_reason or ""),
        refusal=str(more.get("refusal") or getattr(choice.message, "refusal", None) or ""),
        tokens_in=int(getattr(usage, "prompt_tokens", 0) or 0),
        tokens_out=int(getattr(usage, "completion_tokens", 0) or 0),
        cost=hidden.get("response_cost"),
        ms=round(ms, 3),
    )


def _variable(model: str) -> str:
    """Where the key of a model's provider is looked for."""
    provider = model.partition("/")[0] if "/" in model else "openai"
    return {"ollama_chat": "OLLAMA", "text-completion-openai": "OPENAI"}.get(
        provider, provider.upper()
    ) + "_API_KEY"


def _unreached(error: BaseException) -> bool:
    """Whether no connection was made, or it broke: litellm calls that an internal error of the server."""
    kinds = ("APIConnectionError", "ConnectError", "ClientConnectorError")
    broke = any(type(each).__name__ in kinds for each in _causes(error))
    return broke and "Expecting value" not in str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, a few steps back."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:299] + "…"
