"""views.publish, open and update: the home tab, and modals."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.fakes.slack import limits
from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.state import TRIGGER_SECONDS

_TITLE = 24
_METADATA = 3_000


def publish(asked: Asked) -> Answer:
    view = _view(asked, "home")
    user = asked.text("user_id")
    if user not in asked.workspace.people:
        raise Refused("user_not_found")
    before = asked.workspace.homes.get(user)
    if before and asked.text("hash") not in ("", before["hash"]):
        raise Refused("hash_conflict")
    view["id"] = before["id"] if before else view["id"]
    asked.workspace.homes[user] = view
    return {"view": view}


def open_modal(asked: Asked) -> Answer:
    view = _view(asked, "modal")
    trigger = asked.state.triggers.get(asked.text("trigger_id"))
    if trigger is None or trigger.workspace is not asked.workspace:
        raise Refused("invalid_trigger_id")
    if trigger.used:
        raise Refused("exchanged_trigger_id")
    if asked.state.clock() > trigger.at + TRIGGER_SECONDS:
        raise Refused("expired_trigger_id")
    trigger.used = True
    view["seen_by"] = trigger.user
    asked.workspace.views[view["id"]] = view
    return {"view": view}


def update(asked: Asked) -> Answer:
    view = _view(asked, "modal")
    before = asked.workspace.views.get(asked.text("view_id"))
    if before is None:
        raise Refused("not_found")
    if asked.text("hash") not in ("", before["hash"]):
        raise Refused("hash_conflict")
    view |= {"id": before["id"], "seen_by": before["seen_by"]}
    asked.workspace.views[view["id"]] = view
    return {"view": view}


def _view(asked: Asked, kind: str) -> dict[str, Any]:
    given: Any = asked.arguments.get("view")
    if not isinstance(given, dict) or given.get("type") != kind:
        raise Refused("invalid_arguments", [f"view must be of type {kind} [json-pointer:/view]"])
    limits.check_blocks(given.get("blocks") or (), limits.VIEW_BLOCKS)
    if len(str(given.get("private_metadata", ""))) > _METADATA:
        raise Refused(
            "invalid_arguments", ["must be less than 3001 characters [/private_metadata]"]
        )
    if kind == "modal":
        title = (given.get("title") or {}).get("text", "")
        if not 1 <= len(title) <= _TITLE:
            raise Refused("invalid_arguments", ["must be less than 25 characters [/view/title]"])
        if any(one["type"] == "input" for one in given["blocks"]) and not given.get("submit"):
            raise Refused("invalid_arguments", ["submit must be set with input blocks"])
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
    number = next(asked.state.numbers)
    return {
        **given,
        "id": f"V{number:08d}",
        "team_id": asked.workspace.team_id,
        "hash": f"{number}.{digest[:8]}",
        "callback_id": given.get("callback_id", ""),
        "private_metadata": given.get("private_metadata", ""),
    }


TABLE: dict[str, Method] = {
    "views.publish": publish,
    "views.open": open_modal,
    "views.update": update,
}
