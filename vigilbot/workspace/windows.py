"""Modals, stacked up to three high, and everybody's home page of the app."""

from __future__ import annotations

import json
from collections.abc import Callable

from vigilbot.workspace.app import App
from vigilbot.workspace.blocks import view_problems, with_ids
from vigilbot.workspace.filling import filled
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.state import Json, State, View

MOST_STACKED = 3


class BadView(Refusal):
    """A view that Slack does not take. ``messages`` are the validator's."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("invalid_arguments", messages=messages)


class Windows:
    """What is open where. Raises Refusal and BadView as views.* do."""

    def __init__(self, state: State, app: App, changed: Callable[[Json], None]) -> None:
        self._state = state
        self._app = app
        self._changed = changed

    def of(self, user: str) -> list[View]:
        """Somebody's open modals, the one on top last."""
        return [view for view in self._state.views.values() if view.user == user]

    def open(self, user: str, view: object, *, channel: str = "") -> View:
        """A first modal; whatever the person had open is closed."""
        made = self._made(user, view, "modal", parent="", channel=channel)
        for old in self.of(user):
            del self._state.views[old.id]
        return self._keep(made)

    def push(self, user: str, view: object) -> View:
        below = self.of(user)
        if not below:
            raise Refusal("not_found")
        if len(below) >= MOST_STACKED:
            raise Refusal("push_limit_reached")
        top = below[-1]
        return self._keep(self._made(user, view, "modal", parent=top.id, channel=top.channel))

    def update(self, found: View, view: object, *, expected: str = "") -> View:
        """``expected`` is the hash the app believes the view to have, "" for any."""
        if expected and expected != found.shape["hash"]:
            raise Refusal("hash_conflict")
        fresh = self._shape(view, found.shape["type"])
        kept = {k: found.shape[k] for k in ("id", "root_view_id", "previous_view_id")}
        found.shape = {**fresh, **kept}
        self._tell(found)
        return found

    def publish(self, user: str, view: object, *, expected: str = "") -> View:
        found = self._state.homes.get(user)
        if found is not None:
            return self.update(found, view, expected=expected)
        made = self._made(user, view, "home", parent="", channel="")
        self._state.homes[user] = made
        self._tell(made)
        return made

    def close(self, view: View, *, everything: bool = False) -> None:
        """One modal, or the person's whole stack."""
        gone = self.of(view.user) if everything else [view]
        for one in gone:
            self._state.views.pop(one.id, None)
        self._tell(view)

    def by_id(self, view_id: str, external_id: str = "") -> View:
        for view in (*self._state.views.values(), *self._state.homes.values()):
            if view.id == view_id or (external_id and view.shape.get("external_id") == external_id):
                return view
        raise Refusal("not_found")

    def _made(self, user: str, view: object, kind: str, *, parent: str, channel: str) -> View:
        shape = self._shape(view, kind)
        name = self._state.new_id("V")
        root = self._state.views[parent].shape["root_view_id"] if parent else name
        shape |= {"id": name, "root_view_id": root, "previous_view_id": parent or None}
        at = self._state.timing.seconds()
        return View(id=name, user=user, shape=shape, opened_at=at, channel=channel, parent=parent)

    def _shape(self, view: object, kind: str) -> Json:
        """The view with all that Slack adds to it."""
        if problems := view_problems(view, kind):
            raise BadView(problems)
        whole: Json = json.loads(json.dumps(view))
        blocks = with_ids(whole["blocks"], lambda: self._state.secret(5))
        empty = {"private_metadata": "", "callback_id": "", "external_id": "", "submit": None, "close": None}
        flags = {"clear_on_close": False, "notify_on_close": False}
        shape: Json = {**empty, **flags, "title": None, **whole, "blocks": blocks}
        values, _ = filled(shape, {})
        return shape | {
            "team_id": self._state.team,
            "app_id": self._app.id,
            "app_installed_team_id": self._state.team,
            "bot_id": self._app.bot_id,
            "hash": f"{self._state.new_ts()}.{self._state.secret(6)}",
            "state": {"values": values},
        }

    def _keep(self, view: View) -> View:
        self._state.views[view.id] = view
        self._tell(view)
        return view

    def _tell(self, view: View) -> None:
        self._changed({"type": view.shape["type"], "user": view.user, "view": view.id})
