"""auth.*, apps.*, users.*, usergroups.*, reactions.*, files.*, team.*"""

from __future__ import annotations

from collections.abc import Mapping

from vigilbot.workspace.calls import Call, Method, any_of
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.shapes import file_shape, group_shape, user_shape
from vigilbot.workspace.state import Json


def _test(call: Call) -> Json:
    return {"args": dict(call.args)}


def _who(call: Call) -> Json:
    state, app = call.scene.state, call.scene.app
    return {
        "url": f"{call.base}/",
        "team": state.name,
        "user": app.name.lower(),
        "team_id": state.team,
        "user_id": app.bot_user,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


def _connect(call: Call) -> Json:
    ticket = call.scene.state.secret(32)
    call.scene.app.tickets.add(ticket)
    return {"url": f"ws{call.base.removeprefix('http')}/link/?ticket={ticket}&app_id={call.scene.app.id}"}


def _authorizations(call: Call) -> Json:
    app = call.scene.app
    about = {"enterprise_id": None, "team_id": call.scene.state.team, "user_id": app.bot_user}
    return {"authorizations": [about | {"is_bot": True, "is_enterprise_install": False}]}


def _team(call: Call) -> Json:
    state = call.scene.state
    return {"team": {"id": state.team, "name": state.name, "domain": state.domain}}


def _bot(call: Call) -> Json:
    app = call.scene.app
    known = {app.bot_id: (app.name, app.bot_user)}
    known |= {u.bot_id: (u.name, u.id) for u in call.scene.state.users.values() if u.bot_id}
    name, user = known.get(call.required("bot"), ("", ""))
    if not name:
        raise Refusal("bot_not_found")
    return {"bot": {"id": call.text("bot"), "deleted": False, "name": name, "user_id": user}}


def _user(call: Call) -> Json:
    return {"user": user_shape(call.user(), call.scene.state)}


def _users(call: Call) -> Json:
    state = call.scene.state
    return call.page([user_shape(u, state) for u in state.users.values()], "members", default=1000, most=1000)


def _groups(call: Call) -> Json:
    state, users = call.scene.state, call.flag("include_users")
    return {"usergroups": [group_shape(g, state, users=users) for g in state.groups.values()]}


def _group_users(call: Call) -> Json:
    found = call.scene.state.groups.get(call.required("usergroup"))
    if found is None:
        raise Refusal("no_such_subteam")
    return {"users": list(found.members)}


def _react(call: Call) -> Json:
    channel = call.channel(member=True)
    call.scene.react(channel, call.required("timestamp"), call.scene.app.bot_user, call.required("name"))
    return {}


def _unreact(call: Call) -> Json:
    channel = call.channel(member=True)
    call.scene.unreact(channel, call.required("timestamp"), call.scene.app.bot_user, call.required("name"))
    return {}


def _reactions(call: Call) -> Json:
    channel = call.channel()
    message = channel.messages.get(call.required("timestamp"))
    if message is None:
        raise Refusal("message_not_found")
    return {"type": "message", "channel": channel.id, "message": dict(message)}


def _file(call: Call) -> Json:
    found = call.scene.state.files.get(call.required("file"))
    if found is None:
        raise Refusal("file_not_found")
    return {"file": file_shape(found, call.base)}


_USERS = any_of("users:read")
_GROUPS = any_of("usergroups:read")
_REACT = any_of("reactions:write")

PEOPLE: Mapping[str, Method] = {
    "api.test": Method(run=_test, tier=4, token=""),
    "auth.test": Method(run=_who, tier=0),
    "apps.connections.open": Method(run=_connect, tier=1, token="app"),
    "apps.event.authorizations.list": Method(run=_authorizations, tier=4, token="app"),
    "team.info": Method(run=_team, scopes=any_of("team:read"), tier=3),
    "bots.info": Method(run=_bot, scopes=_USERS, tier=3),
    "users.info": Method(run=_user, scopes=_USERS, tier=4),
    "users.list": Method(run=_users, scopes=_USERS, tier=2),
    "usergroups.list": Method(run=_groups, scopes=_GROUPS, tier=2),
    "usergroups.users.list": Method(run=_group_users, scopes=_GROUPS, tier=2),
    "reactions.add": Method(run=_react, scopes=_REACT, tier=3),
    "reactions.remove": Method(run=_unreact, scopes=_REACT, tier=2),
    "reactions.get": Method(run=_reactions, scopes=any_of("reactions:read"), tier=3),
    "files.info": Method(run=_file, scopes=any_of("files:read"), tier=4),
}
