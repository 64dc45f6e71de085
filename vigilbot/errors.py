"""What can go wrong, as a tree.

VigilBotError
├── BadInput            something a person gave is wrong: says where and what to do; exit code 2
│   ├── BadSettings     the configuration file or the environment
│   ├── BadPrompt       a file under prompts/
│   ├── BadExport       a chat export, gold or label file
│   └── BadLedger       a ledger that cannot be opened
├── LedgerError         the database failed under a running bot (disk full, locked, I/O)
├── EngineError         an engine could not give an answer of any kind
│   ├── ModelUnavailable   no language model gave a usable reply: down, refused, over budget
│   └── ContextTooLong     the request is larger than the model reads
├── PlatformError       the chat platform refused or could not be reached
│   ├── PlatformRefused    and no later try can help: not a member, archived, deleted
│   └── PlatformUnsure     and nobody knows whether it was done: it may stand there
├── DocumentError       a document could not be fetched or read this time
│   ├── DocumentRefused    and it will stay so until it changes: private address, login, no text
│   │   └── DocumentClosed     and somebody could share it with the bot
│   └── DocumentGone       and it is not there any more
└── IndexFailed         the vector index failed; exact search takes over
"""

from __future__ import annotations


class VigilBotError(Exception):
    """VigilBot failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class BadInput(VigilBotError):
    """The input cannot be used.

    ``place`` is a file with a line, a key or a command; ``remedy`` is what the reader can do.
    """

    def __init__(self, problem: str, *, place: str = "", remedy: str = "") -> None:
        self.problem, self.place, self.remedy = problem, place, remedy
        line = f"{place}: {problem}" if place else problem
        super().__init__(f"{line}. {remedy}" if remedy else line)


class BadSettings(BadInput):
    """The configuration cannot be used."""


class BadPrompt(BadInput):
    """A prompt file cannot be used."""


class BadExport(BadInput):
    """An export, gold or label file cannot be used."""


class BadLedger(BadInput):
    """The ledger cannot be opened."""


class LedgerError(VigilBotError):
    """The ledger could not be read or written."""


class EngineError(VigilBotError):
    """The engine gave no usable result."""


class ModelUnavailable(EngineError):
    """No language model gave a usable reply."""


class ContextTooLong(EngineError):
    """The request is longer than the model can read."""


class PlatformError(VigilBotError):
    """The chat platform refused the request or could not be reached.

    No try within ``retry_after`` seconds can help; 0 when the platform said nothing of it.
    """

    def __init__(self, message: str | None = None, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PlatformRefused(PlatformError):
    """The chat platform refused the request for good."""


class PlatformUnsure(PlatformError):
    """The chat platform may or may not have done what it was asked for."""


class DocumentError(VigilBotError):
    """The document could not be read."""


class DocumentRefused(DocumentError):
    """The document cannot be used."""


class DocumentClosed(DocumentRefused):
    """The document is not shared with the bot; whoever may share it can be asked."""


class DocumentGone(DocumentError):
    """The document is not there."""


class IndexFailed(VigilBotError):
    """The vector index failed."""
