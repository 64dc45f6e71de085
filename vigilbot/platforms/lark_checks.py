"""Is Lark ready for the bot? Secret, bot, permissions, chats, history, the connection. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal

from vigilbot.errors import PlatformError
from vigilbot.platforms.findings import Finding
from vigilbot.platforms.lark_client import BAD_APP, NO_SCOPE, LarkClient, LarkRefusal, LarkTrouble
from vigilbot.platforms.lark_manifest import PERMISSIONS, LarkPermission
from vigilbot.platforms.payloads import list_in, map_in, text_in

GUIDE: Final = "config/lark.md says how"
PUBLISH: Final = f"Grant it on the app's page and publish a version of the app: {GUIDE}."
GRANTED: Final = 1
_WORKING: Final = (None, 1, 2)  # of a bot's activate_status; not every answer has it
_NOTHING: Final = "doctor"  # the id of nothing: a refusal for that reason shows that the permission is there
_HARMLESS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "tenant:tenant:readonly": ("/tenant/v2/tenant/query", {}),
    "im:chat:readonly": ("/im/v1/chats", {"page_size": "1"}),
    "im:message:readonly": (f"/im/v1/messages/{_NOTHING}", {}),
    "contact:user.base:readonly": (f"/contact/v3/users/{_NOTHING}", {}),
    "contact:department.base:readonly": (f"/contact/v3/departments/{_NOTHING}", {}),
    "contact:group:readonly": ("/contact/v3/group/simplelist", {"page_size": "1"}),
    "im:resource": (f"/im/v1/messages/{_NOTHING}/resources/{_NOTHING}", {"type": "image"}),
    "docx:document:readonly": (f"/docx/v1/documents/{_NOTHING}", {}),
    "wiki:wiki:readonly": ("/wiki/v2/spaces/get_node", {"token": _NOTHING}),
}
"""Requests that need a permission and change nothing: a wider one that was granted shows there too."""


async def check_lark(
    *,
    app_id: str,
    app_secret: str,
    encrypt_key: str,
    token: str,
    mode: Literal["socket", "webhook"],
    base_url: str,
    seconds: float,
    path: str,
) -> list[Finding]:
    """A check that fails stops only those that need what it tried; each call takes so many ``seconds``.

    ``path`` is where the bot's web server takes events in, in mode webhook.
    """
    client = LarkClient(app_id=app_id, app_secret=app_secret, base_url=base_url, timeout=seconds)
    client.open()
    try:
        found = [await _bot(client)]
        if found[0].status != "failed":
            found.append(await _permissions(client))
            found += [finding async for finding in _chats(client)]
        secrets = {"LARK_ENCRYPT_KEY": encrypt_key, "LARK_VERIFICATION_TOKEN": token}
        found.append(await _socket(client) if mode == "socket" else _webhook(secrets, path))
        found.append(_events(mode))
        return found
    finally:
        await client.close()


async def _bot(client: LarkClient) -> Finding:
    name = "Lark bot"
    try:
        bot = map_in(await client.read("/bot/v3/info", whole=True), "bot")
    except LarkRefusal as error:
        if error.code in BAD_APP:
            remedy = (
                "Check LARK_APP_ID and LARK_APP_SECRET. An app is made for Lark or for Feishu, as "
                f"platform.connect says: {client.base_url} knows only its own."
            )
            return Finding("Lark secret", "failed", str(error), remedy)
        return Finding(name, "failed", str(error), f"Switch the bot on and publish a version: {GUIDE}.")
    except PlatformError as error:
        remedy = f"Nothing else can be checked before {client.base_url} answers; see the line network."
        return Finding(name, "failed", str(error), remedy)
    who, status = text_in(bot, "app_name") or client.app_id, bot.get("activate_status")
    if not text_in(bot, "open_id"):
        return Finding(name, "failed", "the app has no bot", f"Switch the bot on and publish: {GUIDE}.")
    if status not in _WORKING:
        remedy = "Have an administrator approve the version and enable the app."
        return Finding(name, "warning", f"{who} is not enabled yet (status {status})", remedy)
    try:
        tenant = map_in(await client.read("/tenant/v2/tenant/query"), "tenant")
    except PlatformError:  # the line about permissions says so
        return Finding(name, "ok", who)
    return Finding(name, "ok", f"{who} in {text_in(tenant, 'name') or text_in(tenant, 'tenant_key')}")


async def _permissions(client: LarkClient) -> Finding:
    name = "Lark permissions"
    listed, problem = await _listed(client)
    missing: list[LarkPermission] = []
    unknown: list[str] = []
    for permission in PERMISSIONS:
        if permission.scope in listed:
            continue
        granted = await _granted(client, permission.scope)
        if granted is None and problem:
            unknown.append(permission.scope)
        elif not granted:
            missing.append(permission)
    if missing:
        lacks = "; ".join(f"{each.scope} ({each.why})" for each in missing)
        failed = any(each.needed for each in missing)
        return Finding(name, "failed" if failed else "warning", f"missing: {lacks}", PUBLISH)
    if unknown:
        return Finding(name, "warning", f"{', '.join(unknown)} could not be checked: {problem}", "Try again.")
    return Finding(name, "ok", f"all {len(PERMISSIONS)} are granted")


async def _listed(client: LarkClient) -> tuple[set[str], str]:
    """The permissions that Lark lists as granted, and why it does not list any."""
    try:
        answer = await client.read("/application/v6/scopes")
    except PlatformError as error:
        return set(), str(error)
    rows = [row for row in list_in(answer, "scopes") if isinstance(row, Mapping)]
    return {text_in(row, "scope_name") for row in rows if row.get("grant_status") == GRANTED}, ""


async def _granted(client: LarkClient, scope: str) -> bool | None:
    """Found out by trying; None where nothing harmless needs it, or nobody knows."""
    if scope not in _HARMLESS:
        return None
    path, params = _HARMLESS[scope]
    try:
        await client.read(path, **params)
    except LarkRefusal as error:
        return error.code not in NO_SCOPE
    except LarkTrouble:
        return True  # there are many numbers for what is not there: that it was looked for is enough
    except PlatformError:
        return None
    return True


async def _chats(client: LarkClient) -> AsyncIterator[Finding]:
    try:
        page = await client.read("/im/v1/chats", page_size=100)
    except PlatformError as error:
        yield Finding("Lark chats", "failed", str(error), PUBLISH)
        return
    chats = [record for record in list_in(page, "items") if isinstance(record, Mapping)]
    if not chats:
        remedy = "Add it to a group: group settings, Bots, Add bot."
        yield Finding("Lark chats", "warning", "the bot is in no group", remedy)
        return
    names = [text_in(record, "name") or text_in(record, "chat_id") for record in chats]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    yield Finding("Lark chats", "ok", ", ".join(names[:5]) + more)
    yield await _history(client, chats[0])


async def _history(client: LarkClient, chat: Mapping[str, Any]) -> Finding:
    """Whether messages missed while the bot was away can be read."""
    place: dict[str, Any] = {"container_id_type": "chat", "container_id": text_in(chat, "chat_id")}
    try:
        await client.read("/im/v1/messages", page_size=1, **place)
    except LarkRefusal as error:
        remedy = "Without it, messages sent while the bot is away are missed. " + PUBLISH
        return Finding("Lark history", "warning", str(error), remedy)
    except PlatformError as error:
        return Finding("Lark history", "warning", str(error), "Try again.")
    return Finding("Lark history", "ok", "can be read")


async def _socket(client: LarkClient) -> Finding:
    try:
        await client.endpoint()
    except PlatformError as error:
        remedy = "Choose the long connection under Events & Callbacks; it works for apps of one company only."
        return Finding("Lark connection", "failed", str(error), remedy)
    return Finding("Lark connection", "ok", "a long connection can be opened")


def _webhook(secrets: Mapping[str, str], path: str) -> Finding:
    if unset := [name for name, value in secrets.items() if not value.strip()]:
        remedy = "Copy it from the app's page Events & Callbacks, Encryption Strategy."
        return Finding("Lark webhook", "failed", f"{', '.join(unset)} not set", remedy)
    found = f"the secrets are set; Lark must reach {path} of the bot's web server over https"
    return Finding("Lark webhook", "ok", f"{found}, which saving the address in the console tries")


def _events(mode: Literal["socket", "webhook"]) -> Finding:
    """Lark tells no app what it is subscribed to."""
    where = "the long connection" if mode == "socket" else "the address of the webhook"
    found = f"cannot be asked for: events and the callback card.action.trigger must both go to {where}"
    return Finding("Lark events", "ok", f"{found} (config/lark.md, step 3)")
