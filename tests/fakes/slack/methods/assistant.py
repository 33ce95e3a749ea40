"""assistant.threads.*: what the bot shows beside a thread."""

from __future__ import annotations

from typing import Any

from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import STATUS_SECONDS, Status


def set_status(asked: Asked) -> Answer:
    """An empty status takes it away; so do two minutes, and the bot's next message there."""
    place = _thread(asked)
    loading: Any = asked.arguments.get("loading_messages") or []
    if not isinstance(loading, list) or len(loading) > 10:
        raise Refused("invalid_arguments", ["no more than 10 items allowed [/loading_messages]"])
    until = asked.state.clock() + STATUS_SECONDS
    status = Status(asked.text("status"), tuple(map(str, loading)), until)
    asked.workspace.past_statuses.append(status)
    asked.workspace.statuses.pop(place, None)
    if status.text:
        asked.workspace.statuses[place] = status
    return {}


def set_title(asked: Asked) -> Answer:
    asked.required("title")
    place = _thread(asked, direct=True)
    asked.workspace.titles[place] = asked.text("title")
    return {}


def set_suggested_prompts(asked: Asked) -> Answer:
    """Without a thread they stand over the whole pane (the agent view)."""
    prompts: Any = asked.arguments.get("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise Refused("invalid_arguments", ["must have between 1 and 4 prompts [/prompts]"])
    if any(not one.get("title") or not one.get("message") for one in prompts):
        raise Refused("invalid_arguments", ["missing required field: message [/prompts]"])
    place = _thread(asked, direct=True, pane=True)
    shown = {"title": asked.text("title"), "prompts": prompts}
    asked.workspace.prompts[place] = shown
    return {}


def _thread(asked: Asked, *, direct: bool = False, pane: bool = False) -> tuple[str, str]:
    channel, root = asked.channel("channel_id"), asked.text("thread_ts")
    if direct and channel.kind != "im":
        raise Refused("channel_not_found")
    if not root and pane:
        return channel.id, ""
    if asked.workspace.find(channel.id, root) is None:
        raise Refused("invalid_thread_ts")
    return channel.id, root


TABLE: dict[str, Method] = {
    "assistant.threads.setStatus": set_status,
    "assistant.threads.setTitle": set_title,
    "assistant.threads.setSuggestedPrompts": set_suggested_prompts,
}
