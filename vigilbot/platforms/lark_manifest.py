"""What an app in Lark's developer console needs: permissions, events, callbacks, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vigilbot.platforms.lark_events import CARD, HANDLERS, MENU

CALLBACKS: Final = (CARD,)
EVENTS: Final = (*HANDLERS, MENU)


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkPermission:
    """``needed``: without it the bot does not start or does not do its work."""

    scope: str
    why: str
    needed: bool = True


PERMISSIONS: Final = (
    LarkPermission(
        scope="im:message.group_msg", why="sees every message of its groups, not only those that name it"
    ),
    LarkPermission(scope="im:message.p2p_msg:readonly", why="sees what people write to it alone"),
    LarkPermission(scope="im:message:readonly", why="reads what it missed, and messages that were forwarded"),
    LarkPermission(scope="im:message:send_as_bot", why="posts, changes and takes down its cards"),
    LarkPermission(scope="im:chat:readonly", why="knows which groups it is in, and which are shared"),
    LarkPermission(scope="tenant:tenant:readonly", why="tells its own company from others"),
    LarkPermission(scope="contact:user.base:readonly", why="knows people's names"),
    LarkPermission(scope="contact:user.employee:readonly", why="job titles: who is an analyst", needed=False),
    LarkPermission(
        scope="contact:user.department:readonly", why="departments: who is an analyst", needed=False
    ),
    LarkPermission(scope="contact:department.base:readonly", why="names of departments", needed=False),
    LarkPermission(scope="contact:group:readonly", why="user groups: who is an analyst", needed=False),
    LarkPermission(
        scope="im:message.reactions:read", why="an analyst's check mark closes an on-call", needed=False
    ),
    LarkPermission(scope="im:resource", why="shows pictures to a model that can see", needed=False),
    LarkPermission(
        scope="docx:document:readonly", why="learns from documents that were shared with it", needed=False
    ),
    LarkPermission(scope="wiki:wiki:readonly", why="the same for pages of the wiki", needed=False),
)
