"""What people open in Slack without writing: the home tab, the agent pane, the assistant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assistant.messages import ChatRef, Ignored
from bots.slack.identity import chat_of


@dataclass(frozen=True, slots=True)
class Opened:
    """`chat` is the person's direct messages: all of them for the home tab and the agent pane, a
    thread in the assistant view, which is older than the pane. `view_hash` names the home tab that
    the person sees, where there was one before."""

    what: Literal["home", "pane", "thread"]
    chat: ChatRef
    user_id: str
    view_hash: str = ""

    @property
    def is_home(self) -> bool:
        return self.what == "home"


def parse_opened(body: object, account: str) -> Opened | Ignored | None:
    """An `event_callback` body; None for what is no such event."""
    event = _mapping(_mapping(body).get("event"))
    match event.get("type"):
        case "app_home_opened":
            return _home(event, account)
        case "assistant_thread_started":
            return _thread(_mapping(event.get("assistant_thread")), account)
        case "assistant_thread_context_changed":  # what somebody looks at is none of our business
            return Ignored("context_changed")
    return None


def _home(event: Mapping[str, Any], account: str) -> Opened | Ignored:
    channel_id, user_id = _text(event, "channel"), _text(event, "user")
    if not (channel_id.startswith("D") and user_id):
        return Ignored("malformed")
    chat, view = direct(account, channel_id), _mapping(event.get("view"))
    match event.get("tab"):
        case "home":
            return Opened("home", chat, user_id, _text(view, "hash"))
        case "messages":
            return Opened("pane", chat, user_id)
    return Ignored("unknown_tab")


def _thread(thread: Mapping[str, Any], account: str) -> Opened | Ignored:
    channel_id, ts = _text(thread, "channel_id"), _text(thread, "thread_ts")
    user_id = _text(thread, "user_id")
    if not (channel_id.startswith("D") and ts and user_id):
        return Ignored("malformed")
    return Opened("thread", chat_of(account, channel_id, "", ts), user_id)


def direct(account: str, channel_id: str) -> ChatRef:
    """A person's direct messages as a whole."""
    return ChatRef("slack", account, channel_id, "", "private")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
