"""chat.*: what the app says."""

from __future__ import annotations

from collections.abc import Mapping

from vigilbot.workspace.blocks import LONGEST_TEXT, message_problems, too_long, with_ids
from vigilbot.workspace.calls import Call, Method, any_of
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.shapes import permalink
from vigilbot.workspace.state import Channel, Json

_WRITE = any_of("chat:write")


def _post(call: Call) -> Json:
    channel = _target(call)
    content = _content(call)
    thread = call.text("thread_ts")
    message = call.scene.post(
        channel, _signed(call) | content, thread=thread, broadcast=call.flag("reply_broadcast")
    )
    return {"channel": channel.id, "ts": message["ts"], "message": dict(message)}


def _whisper(call: Call) -> Json:
    channel = _target(call)
    user = call.user().id
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    content = _content(call)
    thread = call.text("thread_ts")
    if thread and thread not in channel.messages:
        raise Refusal("thread_not_found")
    inside = {"thread_ts": thread} if thread else {}
    return {"message_ts": call.scene.whisper(channel, user, _signed(call) | content | inside)["ts"]}


def _update(call: Call) -> Json:
    channel = call.channel()
    ts = call.required("ts")
    if channel.archived:
        raise Refusal("is_archived")
    found = channel.messages.get(ts)
    if found is None or found.get("subtype") == "tombstone":
        raise Refusal("message_not_found")
    if found.get("bot_id") != call.scene.app.bot_id:
        raise Refusal("cant_update_message")
    content = _content(call)
    if "blocks" in call.args and "blocks" not in content:
        content["blocks"] = None
    message = call.scene.edit(channel, ts, content, editor=call.scene.app.bot_user)
    return {"channel": channel.id, "ts": ts, "text": message["text"], "message": dict(message)}


def _delete(call: Call) -> Json:
    channel = call.channel()
    ts = call.required("ts")
    found = channel.messages.get(ts)
    if found is None or found.get("subtype") == "tombstone":
        raise Refusal("message_not_found")
    if found.get("bot_id") != call.scene.app.bot_id:
        raise Refusal("cant_delete_message")
    call.scene.delete(channel, ts)
    return {"channel": channel.id, "ts": ts}


def _permalink(call: Call) -> Json:
    channel = call.channel()
    ts = call.required("message_ts")
    if ts not in channel.messages:
        raise Refusal("message_not_found")
    return {"channel": channel.id, "permalink": permalink(call.base, channel, ts)}


def _target(call: Call) -> Channel:
    """Where to write; a person's id stands for the direct messages with them."""
    if call.required("channel") in call.scene.state.users:
        return call.scene.direct(call.text("channel"))
    channel = call.channel()
    inside = call.scene.app.bot_user in channel.members
    if not inside and "chat:write.public" not in call.scene.app.scopes:
        raise Refusal("not_in_channel")
    if channel.archived:
        raise Refusal("is_archived")
    if channel.restricted:
        raise Refusal("restricted_action")
    return channel


def _content(call: Call) -> Json:
    """Text, blocks and metadata as they will be stored. Raises Refusal for what Slack does not take."""
    content: Json = {}
    if "text" in call.args:
        content["text"] = call.text("text")
    blocks = call.args.get("blocks")
    if blocks is not None:
        if problems := message_problems(blocks):
            raise Refusal("invalid_blocks", messages=problems)
        if too_long(blocks):
            raise Refusal("msg_blocks_too_long")
        if blocks:
            content["blocks"] = with_ids(blocks, lambda: call.scene.state.secret(5))
    if not content.get("text") and not content.get("blocks"):
        raise Refusal("no_text")
    content.setdefault("text", "")
    if len(content["text"]) > LONGEST_TEXT:
        raise Refusal("msg_too_long")
    if call.args.get("metadata") is not None:
        content["metadata"] = _metadata(call.args["metadata"])
    return content


def _metadata(given: object) -> Json:
    right = (
        isinstance(given, dict)
        and isinstance(given.get("event_type"), str)
        and isinstance(given.get("event_payload"), dict)
    )
    if not right or not isinstance(given, dict):
        raise Refusal("invalid_metadata_format")
    return given


def _signed(call: Call) -> Json:
    app = call.scene.app
    profile = {"id": app.bot_id, "app_id": app.id, "name": app.name, "team_id": call.scene.state.team}
    return {"user": app.bot_user, "bot_id": app.bot_id, "app_id": app.id, "bot_profile": profile}


CHAT: Mapping[str, Method] = {
    "chat.postMessage": Method(run=_post, scopes=_WRITE, tier=3),
    "chat.postEphemeral": Method(run=_whisper, scopes=_WRITE, tier=4),
    "chat.update": Method(run=_update, scopes=_WRITE, tier=3),
    "chat.delete": Method(run=_delete, scopes=_WRITE, tier=3),
    "chat.getPermalink": Method(run=_permalink, tier=0),
}
