"""What an operator can set. One field is one setting: its name, type, default, limits and help.

Adding a field to a section is all that a new setting needs: the file, the environment variable, the
checks, config/vigilbot.yaml and the table in README.md follow from it (`make docs` writes the last two).
Secrets are not settings: they come from the environment only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from vigilbot.settings.chats import LarkSettings, PlatformSettings
from vigilbot.settings.learning import (
    DocumentSettings,
    LearnSettings,
    ReviewSettings,
    StandingSettings,
    TrustSettings,
)
from vigilbot.settings.rows import Row, rows
from vigilbot.settings.sections import (
    AnswerSettings,
    CardSettings,
    DataSettings,
    DedupSettings,
    EmbedderSettings,
    EngineSettings,
    IdentifySettings,
    LogSettings,
    ModelSettings,
    ModeSettings,
    OnCallSettings,
    PromptSettings,
    RetentionSettings,
    RetrievalSettings,
    RoleSettings,
    ScopeSettings,
    ServerSettings,
    SlackSettings,
)
from vigilbot.settings.sources import from_environment, from_file, from_options

__all__ = ["TABLE", "Row", "Settings", "load"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Every setting, frozen."""

    oncall: OnCallSettings = field(default_factory=OnCallSettings)
    cards: CardSettings = field(default_factory=CardSettings)
    roles: RoleSettings = field(default_factory=RoleSettings)
    scope: ScopeSettings = field(default_factory=ScopeSettings)
    mode: ModeSettings = field(default_factory=ModeSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    identify: IdentifySettings = field(default_factory=IdentifySettings)
    answer: AnswerSettings = field(default_factory=AnswerSettings)
    dedup: DedupSettings = field(default_factory=DedupSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    embedder: EmbedderSettings = field(default_factory=EmbedderSettings)
    learn: LearnSettings = field(default_factory=LearnSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)
    documents: DocumentSettings = field(default_factory=DocumentSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    standing: StandingSettings = field(default_factory=StandingSettings)
    data: DataSettings = field(default_factory=DataSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    prompts: PromptSettings = field(default_factory=PromptSettings)
    platform: PlatformSettings = field(default_factory=PlatformSettings)
    slack: SlackSettings = field(default_factory=SlackSettings)
    lark: LarkSettings = field(default_factory=LarkSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    log: LogSettings = field(default_factory=LogSettings)


TABLE: Mapping[str, Row] = MappingProxyType({row.name: row for row in rows(Settings)})
"""Every setting by its dotted name, in the order of declaration."""


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    options: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Defaults, then the file, then VIGILBOT_<SECTION>_<KEY>, then options by dotted name; later ones win.

    Raises BadSettings. A path that is given must exist.
    """
    values = from_file(TABLE, path) if path else {}
    values |= from_environment(TABLE, environ)
    values |= from_options(TABLE, options)
    by_section: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        by_section.setdefault(TABLE[name].section, {})[TABLE[name].key] = value
    kinds = get_type_hints(Settings)
    return Settings(**{name: kinds[name](**values) for name, values in by_section.items()})
