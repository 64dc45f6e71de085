"""The sections of the settings: one dataclass a section, one field a setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vigilbot.domain import Gate, Mode, Unit
from vigilbot.settings.rows import Seconds, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCallSettings:
    """When an on-call begins and ends, and when the bot may speak in it."""

    unit: Unit = setting(Unit.THREAD, "What one on-call is: a thread, or a channel between two silences.")
    gate: Literal["auto", "analyst_joined", "immediately"] = setting(
        "auto",
        "When the bot starts to answer in an on-call: once an analyst joined it (posts, reacts, is assigned "
        "or calls the bot), or immediately. auto: analyst_joined for unit channel, immediately for unit "
        "thread.",
    )
    grace: Seconds = setting(
        30.0, "With gate immediately: how long a present human may go first.", least=0, most=86400
    )
    burst: Seconds = setting(
        8.0,
        "Messages that follow one another within this time are read together, as one question in parts.",
        least=0,
        most=3600,
    )
    ack_hold: Seconds = setting(
        180.0,
        "How long an analyst's \"I'm on it\" for a question keeps the bot's answer to it back.",
        least=0,
        most=86400,
    )
    inactivity: Seconds = setting(43200.0, "An on-call closes after this long without a message.", least=60)
    reopen: Seconds = setting(
        86400.0,
        "A customer's message up to this long after the close reopens the on-call; of unit channel only if "
        "somebody closed it.",
        least=0,
    )
    close_reactions: tuple[str, ...] = setting(
        ("white_check_mark", "heavy_check_mark", "ballot_box_with_check"),
        "Reactions to an on-call's first message that close it, by the platform's names without colons.",
    )

    @property
    def opens(self) -> Gate:
        """The gate, with `auto` decided by the unit."""
        if self.gate != "auto":
            return Gate(self.gate)
        return Gate.ANALYST_JOINED if self.unit is Unit.CHANNEL else Gate.IMMEDIATELY


@dataclass(frozen=True, kw_only=True, slots=True)
class CardSettings:
    """How often the bot speaks."""

    per_oncall: int = setting(
        3, "At most so many cards stand in an on-call while nobody accepted one.", least=0, most=100
    )
    gap: Seconds = setting(60.0, "The least time between two cards of an on-call.", least=0)
    stale: Seconds = setting(
        900.0, "A question older than this when its answer is ready gets no card.", least=1
    )
    accept: Literal["analyst_and_asker", "analyst"] = setting(
        "analyst_and_asker",
        "Who may accept a card. An analyst verifies the answer; the asker says that it solved their case.",
    )
    internal_hosts: tuple[str, ...] = setting(
        (),
        "Hosts whose links are never shown in channels shared with another company, nor to guests: "
        "wiki.example.com, or .example.com for all below it.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleSettings:
    """Who is a customer and who an analyst. The rules apply in this order; the first that fits decides."""

    analysts: tuple[str, ...] = setting((), "User ids of analysts.")
    customers: tuple[str, ...] = setting((), "User ids of customers.")
    operators: tuple[str, ...] = setting((), "User ids of those who may command the bot.")
    analyst_groups: tuple[str, ...] = setting((), "User groups whose members are analysts.")
    analyst_titles: tuple[str, ...] = setting(
        ("support analyst", "support engineer", "support agent", "support specialist"),
        "Profile titles of analysts; upper and lower case are the same.",
    )
    author_is_customer: bool = setting(
        True, "The author of a thread's first message is its customer, if no rule before said otherwise."
    )
    peers_are_analysts: bool = setting(
        False,
        "Whoever is left in a channel of one's own company or community counts as an analyst, not as a peer. "
        "For the replay of community channels, where everybody helps everybody.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ScopeSettings:
    """What the bot answers, and who may see what was learned."""

    statement: str = setting(
        "",
        "What the bot answers, in the operator's words: product, topics, and what it must leave to people. "
        "A language model goes by it; the extractive engine cannot read it, and answers what it knows. "
        "Empty: every question somebody asks for help with.",
    )
    space: str = setting(
        "",
        "One space that all watched channels share, so that what is learned in one may answer in every "
        "other. Empty: internal public channels share one, every private or external channel has its own.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeSettings:
    """How far the bot may go: listen (posts nothing, scores itself), analysts (private), everyone (cards)."""

    internal: Mode = setting(Mode.EVERYONE, "The mode of a channel of one's own company when the bot joins.")
    external: Mode = setting(Mode.ANALYSTS, "The mode of a channel shared with another company.")


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineSettings:
    """What makes the judgements."""

    kind: Literal["extractive", "model"] = setting(
        "extractive",
        "extractive: embeddings, lexical evidence and small trained classifiers, no key needed. model: a "
        "language model (section model); the extractive engine stands in while none answers.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """The language models of engine model. Keys come from the environment (OPENAI_API_KEY and so on)."""

    models: tuple[str, ...] = setting(
        (),
        "Models as litellm names them, provider/model, in order: the first that gives a valid reply is "
        "taken. For instance openai/gpt-4.1-mini, anthropic/claude-haiku-4-5, ollama_chat/llama3.1.",
    )
    stages: Mapping[str, str] = setting(
        {},
        "Other models for single judgements (identify, rewrite, answer, review, extract): names between "
        "commas, in order.",
    )
    api_base: Mapping[str, str] = setting(
        {}, 'Address of the server by model name; "*" for all models. For servers of one\'s own and proxies.'
    )
    timeout: Seconds = setting(
        20.0, "The longest one model may take for one judgement, a repair included.", least=0.1, most=600
    )
    failures: int = setting(3, "Failures in a row after which a model rests.", least=1, most=100)
    cool_down: Seconds = setting(60.0, "How long a failing model rests before it is tried again.", least=1)
    at_once: int = setting(
        100,
        "At most so many judgements are asked for at one time, and half as many runs go on side by side; "
        "what comes more waits. A model on a machine of one's own may need less.",
        least=1,
        most=100,
    )
    calls_per_run: int = setting(
        16, "At most so many requests for one piece of work (a run, a lesson).", least=1, most=1000
    )
    max_input_tokens: int = setting(
        12000,
        "About how long a request may be; of a longer conversation the oldest messages are left out.",
        least=1500,
    )
    max_tokens: int = setting(
        1500, "The longest reply, in tokens. Models that think before they answer need more.", least=100
    )
    vision: Literal["auto", "on", "off"] = setting(
        "auto", "Whether pictures are sent. auto: to models that are known to see."
    )
    structured: Literal["auto", "schema", "json"] = setting(
        "auto",
        "How a reply's form is asked for. schema: with a JSON schema; json: JSON of any form, the prompt "
        "says which. auto: schema where the model is known to take it.",
    )
    budget: float | None = setting(
        None, "US dollars a day (UTC) after which the extractive engine stands in. null: no limit.", least=0
    )
    budget_tokens: int | None = setting(
        None, "The same in tokens, for models without a known price. null: no limit.", least=0
    )
    redact: bool = setting(
        True, "Secrets, e-mail addresses, telephone and card numbers are taken out of all that is sent."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifySettings:
    """Which messages are questions in scope."""

    threshold: float | None = setting(
        None, "Probability from which a message counts as in scope. null: the engine's own.", least=0, most=1
    )
    first_filter: float = setting(
        0.15,
        "With a language model: messages that the extractive engine gives a smaller probability to be in "
        "scope cost no call. 0: the model judges every message.",
        least=0,
        most=1,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSettings:
    """When an answer is good enough to be shown."""

    refuse: float | None = setting(
        None, "Confidence below which there is no answer at all. null: the engine's own.", least=0, most=1
    )
    post: float | None = setting(
        None, "Confidence from which a card is posted for everyone. null: the engine's own.", least=0, most=1
    )
    precision: float | None = setting(
        None,
        "The share of cards for everyone that should be right. The bot finds the confidence for it, space by "
        "space, from what became of its answers, shown or not. null: a fixed confidence. answer.post, when "
        "set, comes first.",
        least=0.5,
        most=0.99,
    )

    @property
    def target(self) -> float | None:
        """The share of right cards to aim at; None where the confidence is fixed."""
        return self.precision if self.post is None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class DedupSettings:
    """When an answer says what a card of the same on-call already says."""

    theta: Mapping[str, float] = setting(
        {"all-MiniLM-L6-v2": 0.7},
        "Cosine similarity of two answers from which the second is dropped, by embedding model.",
        least=0,
        most=1,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievalSettings:
    """How knowledge is searched."""

    candidates: int = setting(40, "Entries fetched along each path, before reranking.", least=1, most=1000)
    passages: int = setting(
        8,
        "The best of them after reranking that a language model is shown with a question; the extractive "
        "engine weighs all of them.",
        least=1,
        most=50,
    )
    index: Literal["chroma", "exact"] = setting(
        "chroma",
        "Where vectors are searched. chroma: an embedded index beside the ledger, rebuilt whenever it is in "
        "doubt, exact search meanwhile. exact: the ledger's vectors themselves.",
    )
    chroma_from: int = setting(
        20000,
        "Vectors from which chroma serves; below it exact search is as fast and needs nothing beside it.",
        least=1,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbedderSettings:
    """What turns texts into vectors."""

    model: str = setting(
        "all-MiniLM-L6-v2",
        "Names the vector space; vectors of different names are never compared. The default comes with the "
        "package and reads English; for Chinese and other languages take a multilingual one, such as "
        "paraphrase-multilingual-MiniLM-L12-v2, with its folder as path.",
    )
    path: Path | None = setting(
        None, "Folder of a sentence-transformers model. null: the one that comes with the package."
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSettings:
    """Where the bot keeps what it knows."""

    dir: Path = setting(Path("data"), "Folder of the ledger and the index, made when missing.")
    redact: bool = setting(
        True,
        "Keys, passwords and card numbers are taken out of messages before they are stored. E-mail addresses "
        "and telephone numbers stay: where to write or call is part of many answers.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionSettings:
    """How long what people wrote is kept. What was learned from it stays."""

    messages: Seconds = setting(
        7776000.0,
        "After the last message of a closed on-call, its texts and the questions made of them are kept so "
        "long; 0s: for ever. Looked at once a day.",
        least=0,
    )
    traces: Seconds = setting(
        7776000.0,
        "The same for the traces of its runs: candidate passages, reasons, errors of models.",
        least=0,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSettings:
    """The texts a language model is asked with."""

    dir: Path | None = setting(None, "Folder of the prompts. null: the project's own.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackSettings:
    """The connection to Slack. Its secrets come from the environment: SLACK_BOT_TOKEN, and SLACK_APP_TOKEN
    for mode socket or SLACK_SIGNING_SECRET for mode http."""

    mode: Literal["socket", "http"] = setting(
        "socket",
        "How events come. socket: over a connection the bot opens, no public address needed. http: Slack "
        "calls the bot's /slack/events.",
    )
    command: str = setting("/vigil", "The operators' slash command, as the manifest names it.")
    base_url: str = setting(
        "https://slack.com/api/", "Address of the Web API. Another one is for tests and demonstrations."
    )
    timeout: Seconds = setting(10.0, "The longest one call of the Web API may take.", least=0.1, most=120)
    ping: Seconds = setting(
        5.0, "Between two signs of life on a socket; a dead one is found after twice this.", least=1, most=60
    )
    grace: Seconds = setting(
        15.0,
        "How long to wait, after a post whose fate is unknown, before looking whether it arrived. Longer "
        "than timeout.",
        least=0.1,
        most=600,
    )
    history: Literal["internal", "shared"] = setting(
        "internal",
        "How fast history may be read. internal: an app of one's own. shared: an app distributed outside "
        "Slack's marketplace, one request a minute with 15 messages.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSettings:
    """The bot's own web server: health, metrics, and Slack's events in mode http."""

    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(8080, "Port to listen on; 0 takes a free one.", least=0, most=65535)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogSettings:
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "info",
        "The least level that is logged. What people wrote stands in no line; at debug, errors of providers "
        "and defects are told in full and may quote it.",
    )
    form: Literal["text", "json"] = setting("text", "Lines for people, or one JSON object each.")
