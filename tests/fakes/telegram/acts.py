"""What people do, as JSON: POST /_fake/do/<act> with the act's arguments.

The acts are methods of FakeTelegram: `user_says`, `user_sends_document`, `open_topic`, …. A message
is named by {"chat_id": 7, "message_id": 2}, bytes are in base64. What they return comes as
{"result": …}: an id, or {"chat_id": …, "message_id": …}.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tests.fakes.telegram.chats import Chat, Fields, Message
from tests.fakes.telegram.server import FakeTelegram

ACTS = frozenset(
    {"user_says", "user_edits", "user_presses", "user_deletes", "user_reacts", "user_sends"}
    | {"user_blocks", "user_unblocks", "user_leaves_telegram", "person", "make_group"}
    | {f"user_sends_{kind}" for kind in ("photo", "album", "document", "voice", "audio", "video")}
    | {f"user_sends_{kind}" for kind in ("sticker", "location", "venue", "contact", "poll", "dice")}
    | {"make_forum", "open_topic", "close_topic", "link_discussion", "channel_posts"}
    | {"user_comments", "admin_says_anonymously", "channel_says", "other_bot_says"}
    | {"bot_is_removed", "bot_is_added", "bot_is_muted", "bot_is_made_admin"}
    | {"group_becomes_supergroup", "user_types_inline", "user_chooses", "user_asks_guest"}
)
ON_A_MESSAGE = {"user_comments": "copy"} | dict.fromkeys(
    ("user_edits", "user_presses", "user_deletes", "user_reacts"), "message"
)


def act(telegram: FakeTelegram, name: str, given: Fields) -> Any:
    """Raises KeyError, TypeError, ValueError when there is no such act, message or argument."""
    if name not in ACTS:
        raise ValueError(f"There is no act {name}.")
    arguments = dict(given)
    if parameter := ON_A_MESSAGE.get(name):
        chat = telegram.chat(int(arguments.pop("chat_id")))
        arguments[parameter] = chat.messages[int(arguments.pop("message_id"))]
    if "data" in arguments and name != "user_presses":
        arguments["data"] = _bytes(arguments["data"])
    if "photos" in arguments:
        arguments["photos"] = [_bytes(one) for one in arguments["photos"]]
    if name == "user_reacts":
        return _result(telegram.user_reacts(arguments["message"], *arguments["emoji"]))
    return _result(getattr(telegram, name)(**arguments))


def _bytes(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("The data must be in base64.") from error


def _result(returned: Any) -> Any:
    match returned:
        case Message():
            return {"chat_id": returned.chat_id, "message_id": returned.message_id}
        case Chat():
            return returned.describe()
        case list():
            return [_result(one) for one in returned]
    return returned
