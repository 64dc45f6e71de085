"""What an operator can set about chat platforms: one field is one setting, as in ``sections``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vigilbot.settings.rows import Seconds, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformSettings:
    """Which chats the bot is in: one process may serve several companies on several platforms."""

    connect: tuple[str, ...] = setting(
        ("slack",),
        "slack, lark or feishu, several with a name each: [slack/acme, feishu/beta]. The secrets of a named "
        "one have its name at the end: SLACK_BOT_TOKEN_ACME, LARK_APP_ID_BETA.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkSettings:
    """The connection to Lark or Feishu. Its secrets come from the environment: LARK_APP_ID and
    LARK_APP_SECRET, for mode webhook also LARK_ENCRYPT_KEY and LARK_VERIFICATION_TOKEN."""

    mode: Literal["socket", "webhook"] = setting(
        "socket",
        "How events come. socket: over a long connection the bot opens, no public address needed. webhook: "
        "Lark calls the bot's /lark/events.",
    )
    base_url: str = setting(
        "", 'Address of the open platform; "" for open.larksuite.com or, for feishu, open.feishu.cn.'
    )
    language: Literal["auto", "en", "zh"] = setting(
        "auto", "Of the bot's own words. auto: what people write in the chat."
    )
    timeout: Seconds = setting(10.0, "The longest one call of the API may take.", least=0.1, most=120)
    ping: Seconds = setting(
        30.0,
        "Between two signs of life on a long connection; a dead one is found after two and a half of it.",
        least=1,
        most=120,
    )
