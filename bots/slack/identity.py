"""Who we are in a workspace, who is from another one, and where a message belongs."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.messages import ChatKind, ChatRef


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
    """The conversation of a message: the thread that it stands in, or opens.

    So it is in direct messages too, where Slack shows an agent's threads as its conversations.
    """
    kind: ChatKind = "private" if channel_id.startswith("D") else "group"
    return ChatRef("slack", account, channel_id, thread_ts or ts, kind)
