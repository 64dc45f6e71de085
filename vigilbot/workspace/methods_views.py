"""views.*: modals and home pages."""

from __future__ import annotations

from collections.abc import Mapping

from vigilbot.workspace.calls import Call, Method
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.state import Json


def _open(call: Call) -> Json:
    trigger = call.tickets.use_trigger(call.required("trigger_id"))
    if trigger.view and call.windows.of(trigger.user):
        return {"view": call.windows.push(trigger.user, call.args.get("view")).shape}
    return {"view": call.windows.open(trigger.user, call.args.get("view")).shape}


def _push(call: Call) -> Json:
    trigger = call.tickets.use_trigger(call.required("trigger_id"))
    return {"view": call.windows.push(trigger.user, call.args.get("view")).shape}


def _update(call: Call) -> Json:
    view = call.windows.by_id(call.text("view_id"), call.text("external_id"))
    changed = call.windows.update(view, call.args.get("view"), expected=call.text("hash"))
    return {"view": changed.shape}


def _publish(call: Call) -> Json:
    user = call.scene.state.users.get(call.required("user_id"))
    if user is None:
        raise Refusal("user_not_found")
    changed = call.windows.publish(user.id, call.args.get("view"), expected=call.text("hash"))
    return {"view": changed.shape}


VIEWS: Mapping[str, Method] = {
    "views.open": Method(run=_open, tier=4),
    "views.push": Method(run=_push, tier=4),
    "views.update": Method(run=_update, tier=4),
    "views.publish": Method(run=_publish, tier=4),
}
