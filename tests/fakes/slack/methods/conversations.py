"""conversations.info, history and replies; users.info."""

from __future__ import annotations

from tests.fakes.slack import pages
from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Channel, Message

_HISTORY = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def info(asked: Asked) -> Answer:
    channel = asked.channel()
    _allowed(asked, channel, "read")
    return {"channel": channel.payload()}


def history(asked: Asked) -> Answer:
    """The newest first."""
    messages = [m for m in _readable(asked) if m.thread_ts in ("", m.ts)]
    since = [m for m in messages if pages.within(m.ts, asked.arguments)]
    return pages.page(list(reversed(since)), asked.arguments, asked.state.page_messages)


def replies(asked: Asked) -> Answer:
    """The oldest first, and before all the message that the thread hangs on."""
    root = asked.text("ts")
    messages = [m for m in _readable(asked) if root in (m.ts, m.thread_ts)]
    if not messages:
        raise Refused("thread_not_found")
    since = [m for m in messages if m.ts == root or pages.within(m.ts, asked.arguments)]
    return pages.page(since, asked.arguments, asked.state.page_messages)


def user_info(asked: Asked) -> Answer:
    person = asked.workspace.people.get(asked.text("user"))
    if person is None:
        raise Refused("user_not_found")
    return {"user": person.payload(asked.workspace.team_id)}


def _readable(asked: Asked) -> list[Message]:
    channel = asked.channel()
    _allowed(asked, channel, "history")
    if not channel.has_bot:
        raise Refused("not_in_channel" if channel.kind == "channel" else "channel_not_found")
    return [message for message in channel.messages.values() if not message.deleted]


def _allowed(asked: Asked, channel: Channel, what: str) -> None:
    """Each kind of conversation has a scope of its own."""
    needed = f"{_HISTORY[channel.kind]}:{what}"
    scopes = asked.workspace.scopes
    if scopes is not None and needed not in scopes:
        raise Refused("missing_scope", needed=needed, provided=",".join(sorted(scopes)))


TABLE: dict[str, Method] = {
    "conversations.info": info,
    "conversations.history": history,
    "conversations.replies": replies,
    "users.info": user_info,
}
