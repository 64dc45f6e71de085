"""The connection to Lark or Feishu, opened from settings and the environment's secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vigilbot.errors import BadInput
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.platforms.lark_identity import CONSOLE
from vigilbot.ports import Clock
from vigilbot.serve.named import Named
from vigilbot.settings import Settings

APP_ID, APP_SECRET = "LARK_APP_ID", "LARK_APP_SECRET"
ENCRYPT_KEY, TOKEN = "LARK_ENCRYPT_KEY", "LARK_VERIFICATION_TOKEN"
HOSTS = {"lark": "https://open.larksuite.com", "feishu": "https://open.feishu.cn"}
_EVENTS = "the app's page in the developer console, Events & Callbacks, Encryption Strategy"


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkSecrets:
    """``encrypt_key`` and ``token`` are "" in mode socket."""

    app_id: str
    app_secret: str = field(repr=False)
    encrypt_key: str = field(repr=False)
    token: str = field(repr=False)


def lark_secrets(settings: Settings, environ: Mapping[str, str], named: Named) -> LarkSecrets:
    """Raises BadInput that names the variable and the page where its value stands."""
    webhook = settings.lark.mode == "webhook"
    wanted = {APP_ID: CONSOLE, APP_SECRET: CONSOLE}
    wanted |= {ENCRYPT_KEY: _EVENTS, TOKEN: _EVENTS} if webhook else {}
    found: dict[str, str] = {}
    for name, where in wanted.items():
        found[name] = environ.get(named.variable(name), "").strip()
        if not found[name]:
            raise BadInput(
                "is not set",
                place=f"environment variable {named.variable(name)}",
                remedy=f"It stands on {where}; config/lark.md says how the app is made",
            )
    if not found[APP_ID].startswith("cli_"):
        raise BadInput(
            "does not begin with cli_: this is not an app's id",
            place=f"environment variable {named.variable(APP_ID)}",
            remedy=f"It stands on {CONSOLE}",
        )
    return LarkSecrets(
        app_id=found[APP_ID],
        app_secret=found[APP_SECRET],
        encrypt_key=found.get(ENCRYPT_KEY, ""),
        token=found.get(TOKEN, ""),
    )


def lark_chat(settings: Settings, secrets: LarkSecrets, named: Named, *, clock: Clock) -> LarkAdapter:
    """Not connected yet."""
    known = settings.lark
    return LarkAdapter(
        app_id=secrets.app_id,
        app_secret=secrets.app_secret,
        encrypt_key=secrets.encrypt_key,
        token=secrets.token,
        mode=known.mode,
        base_url=known.base_url or HOSTS[named.platform],
        timeout=known.timeout,
        ping=known.ping,
        language=known.language,
        clock=clock,
        path=named.path("/lark/events"),
    )
