"""Who we are in a workspace, who is from another one, and where a message belongs."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ChatRef


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """What `auth.test` says about our token."""

    user_id: str
    bot_id: str
    team_id: str
    enterprise_id: str = ""  # of the organisation that the workspace is a part of


def is_outsider(team_id: str, bot: BotIdentity) -> bool:
    """Whether somebody of this workspace comes by Slack Connect; where Slack names none, not."""
    return bool(team_id) and team_id not in (bot.team_id, bot.enterprise_id)


def comes_from(payload: object) -> str:
    """The workspace of whoever pressed, chose or gave a slash command; empty is unknown."""
    outer = payload if isinstance(payload, dict) else {}
    user = outer.get("user")
    team_id = user.get("team_id") if isinstance(user, dict) else outer.get("team_id")
    return team_id if isinstance(team_id, str) else ""


def chat_of(account: str, channel_id: str, ts: str, thread_ts: str) -> ChatRef:
    """The conversation of a message.

    In a channel a mention opens a thread, or goes on in the one it was written in. In a direct
    message the whole chat is one conversation, except where the person opened a thread; the
    message that a thread hangs on (`thread_ts == ts`) stays where it was.
    """
    if channel_id.startswith("D"):
        thread = "" if thread_ts == ts else thread_ts
        return ChatRef("slack", account, channel_id, thread, "private")
    return ChatRef("slack", account, channel_id, thread_ts or ts, "group")
