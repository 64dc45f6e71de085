"""What is stored where and for how long, and what leaves the machine to which host: read off the settings.

The tests hold it against the real process: it opens no connection to a host that is not named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from vigilbot.app import INDEX, LEDGER
from vigilbot.doctor import PROXIES
from vigilbot.reading import leaving as pages_fetched
from vigilbot.reading import rules_of
from vigilbot.serve.named import named_chats
from vigilbot.settings import Settings
from vigilbot.settings.rows import spoken_span
from vigilbot.stores.backup import automatic

MODEL_HOSTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openai": ("api.openai.com",),
        "anthropic": ("api.anthropic.com",),
        "gemini": ("generativelanguage.googleapis.com",),
        "mistral": ("api.mistral.ai",),
        "groq": ("api.groq.com",),
        "openrouter": ("openrouter.ai",),
        "deepseek": ("api.deepseek.com",),
        "xai": ("api.x.ai",),
        "cohere": ("api.cohere.com",),
        "together_ai": ("api.together.ai",),
        "fireworks_ai": ("api.fireworks.ai",),
        "perplexity": ("api.perplexity.ai",),
        "cerebras": ("api.cerebras.ai",),
        "dashscope": ("dashscope.aliyuncs.com",),
        "moonshot": ("api.moonshot.ai",),
        "zai": ("api.z.ai",),
        "ollama": ("localhost",),
        "ollama_chat": ("localhost",),
        "huggingface": ("huggingface.co", "router.huggingface.co"),
        "replicate": ("huggingface.co", "api.replicate.com"),
    }
)
"""Where litellm sends a provider's requests when nothing else is configured."""

UNKNOWN = "the provider's own address"
_BUNDLED = "all-MiniLM-L6-v2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Something on this machine's disk. ``until`` says when its text goes."""

    place: str
    what: str
    holds: str
    until: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaves:
    """Something that another host gets to see. ``taken_out`` is what is removed before."""

    host: str
    what: str
    when: str
    taken_out: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFlow:
    stored: tuple[Kept, ...]
    leaves: tuple[Leaves, ...]
    comes_in: tuple[str, ...]
    redaction: tuple[str, ...]


def data_flow(settings: Settings, environ: Mapping[str, str]) -> DataFlow:
    """Raises BadSettings."""
    return DataFlow(
        stored=(*_ledger(settings), *_beside(settings)),
        leaves=(*_platform(settings, environ), *_models(settings, environ), *_web(settings)),
        comes_in=tuple(_in(settings)),
        redaction=tuple(_redaction(settings)),
    )


def _ledger(settings: Settings) -> Iterator[Kept]:
    messages, traces = _age(settings.retention.messages), _age(settings.retention.traces)
    secrets = ", without keys, passwords and card numbers" if settings.data.redact else ""
    rows = (
        ("messages, questions", f"what people wrote{secrets}; who wrote it and when", messages),
        ("inbox", f"events as the platform sent them{secrets}", "7 days after they were taken in (30 while a "
         f"gap is read); those that never could be: {messages}"),
        ("requests", f"what somebody asked the bot by name{secrets}", messages),
        ("answers, deliveries", "the bot's words, and an analyst's where one edited them",
         f"{messages}; where a card stands, as long as the ledger: it is drawn again"),
        ("runs, reviews, model_calls", "traces: candidate passages by id, scores, times, reasons, errors of "
         "models, tokens and cost; no prompt and no reply of a model", f"{traces}; counts and scores stay"),
        ("knowledge, support, embeddings, answer_vectors, lexical", "what was learned, in all revisions, and "
         "the questions that lead to it", "retracted, it stays without use; `vigilbot erase` blanks it"),
        ("documents", "addresses and titles of pages; their text until it is indexed as knowledge",
         "as long as the ledger"),
        ("channels, on-calls, roster", "names, user ids, roles, modes", "as long as the ledger"),
        ("audit, feedback, corrections", "who did what when: ids, commands as typed",
         "as long as the ledger"),
    )  # fmt: skip
    place = settings.data.dir / LEDGER
    for tables, holds, until in rows:
        yield Kept(place=str(place), what=tables, holds=holds, until=until)


def _beside(settings: Settings) -> Iterator[Kept]:
    folder, place = settings.data.dir, settings.data.dir / LEDGER
    log = "what was written last; part of the ledger"
    yield Kept(place=f"{place}-wal, -shm", what="log", holds=log, until="it is merged into the ledger")
    if settings.retrieval.index == "chroma":
        yield Kept(
            place=str(folder / INDEX),
            what="vector index",
            holds="vectors and ids, no text",
            until="rebuilt from the ledger whenever it is in doubt",
        )
    for copy in sorted(automatic(place)):
        yield Kept(
            place=str(copy),
            what="the ledger from before a migration",
            holds="everything that was in it then",
            until="a week after it was made, or `vigilbot erase`",
        )
    for copy in sorted(folder.glob(f"{LEDGER}.replaced-*")):
        yield _yours(copy, "the ledger that `vigilbot restore` replaced", "everything that was in it then")
    if (history := folder / "history").exists():
        yield _yours(history, "pages of `vigilbot replay slack:` and `lark:`", "what people wrote")
    yield _yours(
        Path("files you named"),
        "backups, exports, kept replies of models (--cache), logs",
        "what you put there",
    )


def _yours(place: Path, what: str, holds: str) -> Kept:
    return Kept(place=str(place), what=what, holds=holds, until="you delete it")


def _platform(settings: Settings, environ: Mapping[str, str]) -> Iterator[Leaves]:
    kinds = {named.platform for named in named_chats(settings.platform.connect)}
    for kind in sorted(kinds, key=("slack", "lark", "feishu").index):
        address, own, pushed = _addresses(settings, kind)
        host = _host(address)
        ours = own if host == own or host.endswith(f".{own}") else host
        everywhere = f"*.{own}" if ours == own else host
        yield Leaves(
            host=host,
            what="cards, notices and private replies; questions about channels and people"
            + ("" if kind == "slack" else "; documents that people link to"),
            when="while the bot runs" + (_proxied(environ) if ours == own else ""),
        )
        if not pushed:
            yield Leaves(
                host=everywhere,
                what="the long connection over which events come: acknowledgements only",
                when="while the bot runs, at the address that the platform gives",
            )
        if settings.engine.kind == "model" and settings.model.vision != "off":
            yield Leaves(
                host="files.slack.com" if ours == "slack.com" else host,
                what="requests for pictures in messages",
                when="when a question has one and the model can see",
            )


def _addresses(settings: Settings, kind: str) -> tuple[str, str, bool]:
    """Of a platform: its API, the domain below which its other addresses are, whether it calls the bot."""
    if kind == "slack":
        return settings.slack.base_url, "slack.com", settings.slack.mode == "http"
    own = "feishu.cn" if kind == "feishu" else "larksuite.com"
    return settings.lark.base_url or f"https://open.{own}", own, settings.lark.mode == "webhook"


def _models(settings: Settings, environ: Mapping[str, str]) -> Iterator[Leaves]:
    taken = (
        "keys, passwords, e-mail addresses, telephone and card numbers"
        if settings.model.redact
        else "nothing"
    )
    if settings.engine.kind == "model":
        named = [*settings.model.models]
        for names in settings.model.stages.values():
            named += [name.strip() for name in names.split(",")]
        for model in dict.fromkeys(name for name in named if name):
            for host in model_hosts(model, settings.model.api_base, environ):
                yield Leaves(
                    host=host,
                    what=f"to {model}: the dialogue (by roles), the question, known passages"
                    + (", pictures" if settings.model.vision != "off" else ""),
                    when="when a question is judged or a lesson is learned"
                    + ("" if host.startswith("localhost") else _proxied(environ)),
                    taken_out=taken,
                )
    embedder = settings.embedder
    bundled = embedder.model.removeprefix("sentence-transformers/") in (_BUNDLED, "hash")
    if embedder.path is None and not bundled:
        yield Leaves(
            host="huggingface.co",
            what=f"a request for the embedding model {embedder.model}; nothing of any conversation",
            when="at the start, until it is on this machine",
        )


def model_hosts(model: str, api_base: Mapping[str, str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where requests to a model go: as configured, as litellm's environment variables say, as it is known."""
    if base := api_base.get(model) or api_base.get("*"):
        return (_host(base),)
    provider = model.partition("/")[0]
    for name in ("API_BASE", "BASE_URL"):
        if base := environ.get(f"{provider.upper()}_{name}"):
            return (_host(base),)
    return MODEL_HOSTS.get(provider, (f"{UNKNOWN} ({provider}); model.api_base pins it",))


def _web(settings: Settings) -> Iterator[Leaves]:
    rules = rules_of(settings)
    hosts = sorted(host for host, rule in rules.items() if rule != "ignore" and host != "*")
    anywhere = rules.get("*") != "ignore"
    if anywhere or hosts:
        yield Leaves(
            host="hosts of pages that people link to" if anywhere else ", ".join(hosts),
            what="a request for the page, without anything of the conversation",
            when=pages_fetched(settings),
        )


def _in(settings: Settings) -> Iterator[str]:
    known = settings.server
    kinds = {named.platform for named in named_chats(settings.platform.connect)}
    events = ", the platform's events" if any(_addresses(settings, kind)[2] for kind in kinds) else ""
    yield f"{known.host} port {known.port}: health, readiness, metrics (counts, no text){events}"


def _redaction(settings: Settings) -> Iterator[str]:
    if settings.data.redact:
        yield "before a message is stored: keys, passwords, card numbers (data.redact)"
    else:
        yield "before a message is stored: nothing (data.redact is off)"
    yield "before anything is learned from a message or page: keys, passwords, card numbers (always)"
    if settings.model.redact:
        yield (
            "before a language model sees it: keys, passwords, card numbers, e-mail addresses, telephone "
            "numbers; who wrote it becomes a role, names within a text stay (model.redact)"
        )
    else:
        yield "before a language model sees it: who wrote it becomes a role (model.redact is off)"
    yield "before an entry leaves its space: all of these, and the names of people and companies there"


def _proxied(environ: Mapping[str, str]) -> str:
    found = [name for name in (*PROXIES, *map(str.lower, PROXIES)) if environ.get(name)]
    return f"; through the proxy that {found[0]} names" if found else ""


def _host(url: str) -> str:
    """Host, and the port where it is not the usual one."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or url


def _age(seconds: float) -> str:
    if not seconds:
        return "for ever"
    return f"{spoken_span(seconds)} after the last message of a closed on-call"
