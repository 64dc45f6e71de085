"""conversations.*: channels and what was said in them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from vigilbot.workspace.calls import Call, Method, any_of
from vigilbot.workspace.limits import SHARED_PAGE
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.shapes import KIND_SCOPE, channel_shape
from vigilbot.workspace.state import Channel, Json, moment

_READ = any_of("channels:read", "groups:read", "im:read")
_HISTORY = any_of("channels:history", "groups:history", "im:history")
_TYPES = {"channel": "public_channel", "group": "private_channel", "im": "im"}
_EARLIEST, _LATEST = (0, 0), (10**12, 0)


def _list(call: Call) -> Json:
    return _channels(call, only_joined=False)


def _joined(call: Call) -> Json:
    if call.text("user") not in {"", call.scene.app.bot_user}:
        raise Refusal("invalid_arguments")
    return _channels(call, only_joined=True)


def _channels(call: Call, *, only_joined: bool) -> Json:
    wanted = {name.strip() for name in call.text("types", "public_channel").split(",")}
    for kind, name in _TYPES.items():
        if name in wanted:
            call.need(f"{KIND_SCOPE[kind]}:read")
    found = []
    for channel in call.scene.state.channels.values():
        inside = call.scene.app.bot_user in channel.members
        visible = inside if only_joined or channel.kind != "channel" else True
        hidden = channel.archived and call.flag("exclude_archived")
        if visible and not hidden and _TYPES[channel.kind] in wanted:
            found.append(_shape(call, channel, count=not only_joined))
    return call.page(found, "channels", default=100, most=1000)


def _info(call: Call) -> Json:
    channel = call.channel(scope="read")
    return {"channel": _shape(call, channel, count=call.flag("include_num_members"))}


def _members(call: Call) -> Json:
    channel = call.channel(scope="read")
    return call.page(sorted(channel.members), "members", default=100, most=1000)


def _history(call: Call) -> Json:
    channel = call.channel(member=True, scope="history")
    found = [m for m in reversed(channel.timeline) if _between(call, m)]
    before = moment(call.text("cursor").removeprefix("before:")) if call.text("cursor") else _LATEST
    found = [m for m in found if moment(m["ts"]) < before]
    size = _size(call, default=100, most=999)
    more = len(found) > size
    page = found[:size]
    answer: Json = {"messages": [_message(call, m) for m in page], "has_more": more, "pin_count": 0}
    if more:
        answer["response_metadata"] = {"next_cursor": f"before:{page[-1]['ts']}"}
    return answer


def _replies(call: Call) -> Json:
    channel = call.channel(member=True, scope="history")
    asked = channel.messages.get(call.required("ts"))
    if asked is None:
        raise Refusal("thread_not_found")
    root, *replies = channel.thread(str(asked.get("thread_ts", asked["ts"]))) or [asked]
    after = moment(call.text("cursor").removeprefix("after:")) if call.text("cursor") else _EARLIEST
    found = [m for m in replies if _between(call, m) and moment(m["ts"]) > after]
    size = _size(call, default=1000, most=1000)
    if not call.text("cursor"):
        found = [root, *found]
    more = len(found) > size
    page = found[:size]
    answer: Json = {"messages": [_message(call, m) for m in page], "has_more": more}
    if more:
        answer["response_metadata"] = {"next_cursor": f"after:{page[-1]['ts']}"}
    return answer


def _join(call: Call) -> Json:
    channel = call.channel()
    if channel.archived:
        raise Refusal("is_archived")
    call.scene.join(channel, call.scene.app.bot_user)
    return {"channel": _shape(call, channel)}


def _leave(call: Call) -> Json:
    channel = call.channel(member=True)
    call.scene.leave(channel, call.scene.app.bot_user)
    return {}


def _open(call: Call) -> Json:
    user = call.scene.state.users.get(call.required("users"))
    if user is None:
        raise Refusal("user_not_found")
    return {"channel": {"id": call.scene.direct(user.id).id}}


def _shape(call: Call, channel: Channel, *, count: bool = False) -> Json:
    return channel_shape(channel, call.scene.state, call.scene.app, count=count)


def _between(call: Call, message: Json) -> bool:
    at = moment(message["ts"])
    oldest = moment(call.text("oldest")) if call.text("oldest") else _EARLIEST
    latest = moment(call.text("latest")) if call.text("latest") else _LATEST
    return oldest <= at <= latest if call.flag("inclusive") else oldest < at < latest


def _size(call: Call, *, default: int, most: int) -> int:
    if call.limits.shared_app:
        default = most = SHARED_PAGE
    return max(1, min(call.number("limit", default), most))


def _message(call: Call, message: Json) -> Json:
    whole = deepcopy(message)
    ours = message.get("bot_id") == call.scene.app.bot_id
    readable = ours or "metadata.message:read" in call.scene.app.scopes
    if not (call.flag("include_all_metadata") and readable):
        whole.pop("metadata", None)
    return whole


CONVERSATIONS: Mapping[str, Method] = {
    "conversations.list": Method(run=_list, scopes=_READ, tier=2),
    "users.conversations": Method(run=_joined, scopes=_READ, tier=3),
    "conversations.info": Method(run=_info, scopes=_READ, tier=3),
    "conversations.members": Method(run=_members, scopes=_READ, tier=4),
    "conversations.history": Method(run=_history, scopes=_HISTORY, tier=3),
    "conversations.replies": Method(run=_replies, scopes=_HISTORY, tier=3),
    "conversations.join": Method(run=_join, scopes=any_of("channels:join"), tier=3),
    "conversations.leave": Method(run=_leave, scopes=any_of("channels:manage", "channels:write"), tier=3),
    "conversations.open": Method(run=_open, scopes=any_of("im:write"), tier=3),
}
