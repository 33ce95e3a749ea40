"""What a bot says to a `response_url`, or with an acknowledgement.

Source: docs.slack.dev, "Handling user interaction": five answers within thirty minutes.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.fakes.slack import limits
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.state import State
from tests.fakes.slack.workspace import Ephemeral, Message, Version, Workspace

MOST_ANSWERS = 5
Place = tuple[Workspace, str, str, Message | None]


def answered(state: State, place: Place, given: dict[str, Any]) -> None:
    """Show it: to the person alone unless it is meant for the channel. Raises Refused."""
    workspace, channel_id, user, message = place
    if given.get("delete_original") and message:
        message.deleted = True
        return
    text, blocks = str(given.get("text") or ""), tuple(given.get("blocks") or ())
    limits.check(text, blocks, update=False)
    version = Version(text, blocks)
    if given.get("replace_original") and message:
        message.edit(version)
        workspace.note_broadcasts(message)
    elif given.get("response_type") == "in_channel":
        workspace.add(channel_id, workspace.bot_user_id, version)
    else:
        thread = str(given.get("thread_ts") or "")
        workspace.ephemerals.append(Ephemeral(channel_id, user, version, thread))


class ResponseUrls:
    def __init__(self, state: State) -> None:
        self._state = state
        self._used: dict[str, int] = {}

    async def take(self, request: web.Request) -> web.StreamResponse:
        ticket = request.match_info["ticket"]
        place = self._state.responses.get(ticket)
        self._used[ticket] = self._used.get(ticket, 0) + 1
        if place is None or self._used[ticket] > MOST_ANSWERS:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            answered(self._state, place, await request.json())
        except Refused as refused:
            return web.json_response(refused.answer, status=400)
        return web.Response(text="ok")
