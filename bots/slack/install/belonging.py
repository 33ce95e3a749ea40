"""To which workspace something belongs that came from Slack. Pure; arbitrary JSON never raises.

Source: docs.slack.dev, "Events API" (`authorizations`), and the pages of the interaction payloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAVES = frozenset({"app_uninstalled", "tokens_revoked"})


@dataclass(frozen=True, slots=True)
class Belonging:
    """`teams`: the workspace, or its organisation, as far as Slack names one; of several the first
    that we are in. `bot_id`: whose message it is about, which says it better where it is ours."""

    teams: tuple[str, ...]
    bot_id: str = ""


def of_event(body: object) -> Belonging:
    """By who let us hear it. The outer team is the sender's, who may come by Slack Connect."""
    outer = _mapping(body)
    given = outer.get("authorizations")
    first = _mapping(given[0]) if isinstance(given, list) and given else {}
    named = _texts(first.get("team_id"), first.get("enterprise_id"))
    return Belonging(named or _texts(outer.get("context_team_id"), outer.get("team_id")))


def is_everybodys(body: object) -> bool:
    """Whether it happened in a channel that companies share: Slack tells of it once, and names one
    of those that may hear it. A direct message is for its bot alone."""
    outer = _mapping(body)
    channel = _mapping(outer.get("event")).get("channel")
    is_direct = isinstance(channel, str) and channel.startswith("D")
    return outer.get("is_ext_shared_channel") is True and not is_direct


def of_interaction(payload: object) -> Belonging:
    """By whose message or view it is. The team may be the acting person's, who may be a guest of
    ours: it says it where there is nothing else."""
    outer = _mapping(payload)
    view, message, user = (_mapping(outer.get(one)) for one in ("view", "message", "user"))
    if installed := _texts(view.get("app_installed_team_id")):
        return Belonging(installed)
    acted_on_ours = outer.get("type") == "block_actions"
    bot_id = message.get("bot_id") if acted_on_ours else None
    team = _mapping(outer.get("team")).get("id")
    return Belonging(
        _texts(
            message.get("team") if acted_on_ours else None,
            team,
            _mapping(outer.get("enterprise")).get("id"),
            None if team else user.get("team_id"),
        ),
        bot_id if isinstance(bot_id, str) else "",
    )


def of_slash(fields: object) -> Belonging:
    """A slash command is offered in the workspaces alone that have the app."""
    given = _mapping(fields)
    return Belonging(_texts(given.get("team_id"), given.get("enterprise_id")))


def leaves(body: object) -> bool:
    """Whether a workspace says that it took the app off, or its token."""
    kind = _mapping(_mapping(body).get("event")).get("type")
    return isinstance(kind, str) and kind in LEAVES


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(*values: object) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str) and value)
