"""People and channels as the Web API and the events describe them."""

from __future__ import annotations

from vigilbot.workspace.app import App
from vigilbot.workspace.state import Channel, File, Group, Json, State, User

KIND_SCOPE = {"channel": "channels", "group": "groups", "im": "im"}
"""What the scopes of a kind of channel start with."""


def user_shape(user: User, state: State) -> Json:
    profile = {
        "real_name": user.name,
        "real_name_normalized": user.name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "title": user.title,
        "team": user.team,
    }
    if user.bot_id:
        profile["bot_id"] = user.bot_id
    shape: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": user.handle,
        "real_name": user.name,
        "deleted": user.deleted,
        "profile": profile,
        "is_admin": user.admin or user.owner,
        "is_owner": user.owner,
        "is_primary_owner": user.owner,
        "is_restricted": user.guest,
        "is_ultra_restricted": False,
        "is_bot": bool(user.bot_id),
        "is_app_user": False,
        "tz": "Etc/UTC",
        "updated": 0,
    }
    if user.team != state.team:
        shape["is_stranger"] = True
        for flag in ("is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted"):
            del shape[flag]
    return shape


def channel_shape(channel: Channel, state: State, app: App, *, count: bool = False) -> Json:
    shape: Json = {
        "id": channel.id,
        "created": channel.created,
        "context_team_id": state.team,
        "is_archived": channel.archived,
        "is_im": channel.kind == "im",
        "is_org_shared": False,
    }
    if channel.kind == "im":
        other = next((m for m in channel.members if m != app.bot_user), app.bot_user)
        return shape | {"user": other, "is_user_deleted": False, "priority": 0}
    strangers = {state.users[m].team for m in channel.members if m in state.users} - {state.team}
    shape |= {
        "name": channel.name,
        "name_normalized": channel.name,
        "previous_names": list(channel.previous_names),
        "creator": channel.creator,
        "is_channel": channel.kind == "channel",
        "is_group": False,
        "is_mpim": False,
        "is_private": channel.kind == "group",
        "is_general": False,
        "is_shared": channel.external,
        "is_ext_shared": channel.external,
        "is_pending_ext_shared": False,
        "is_member": app.bot_user in channel.members,
        "shared_team_ids": sorted({state.team} | strangers),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }
    if channel.external:
        shape["connected_team_ids"] = sorted(strangers)
    if count:
        shape["num_members"] = len(channel.members)
    return shape


def group_shape(group: Group, state: State, *, users: bool) -> Json:
    shape: Json = {
        "id": group.id,
        "team_id": state.team,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.handle,
        "handle": group.handle,
        "description": "",
        "date_create": 0,
        "date_update": 0,
        "date_delete": 0,
        "user_count": len(group.members),
    }
    if users:
        shape["users"] = list(group.members)
    return shape


def file_shape(file: File, url: str) -> Json:
    address = f"{url}/files/{file.id}/{file.name}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.name,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2],
        "pretty_type": file.name.rpartition(".")[2].upper(),
        "user": file.owner,
        "size": len(file.data),
        "mode": "hosted",
        "is_external": False,
        "is_public": True,
        "url_private": address,
        "url_private_download": f"{address}?download=1",
        "permalink": address,
    }


def permalink(url: str, channel: Channel, ts: str) -> str:
    """Raises LookupError for a message that is not there."""
    root = channel.messages[ts].get("thread_ts", ts)
    link = f"{url}/archives/{channel.id}/p{ts.replace('.', '')}"
    return link if root == ts else f"{link}?thread_ts={root}&cid={channel.id}"


def event_callback(event: Json, *, state: State, app: App, event_id: str, external: bool) -> Json:
    """The body of an Events API delivery."""
    return {
        "token": app.verification_token,
        "team_id": state.team,
        "context_team_id": state.team,
        "context_enterprise_id": None,
        "api_app_id": app.id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(state.timing.seconds()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": state.team,
                "user_id": app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": external,
        "event_context": f"4-{event_id}",
    }
