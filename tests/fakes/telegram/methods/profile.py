"""The bot itself: who it is and its commands; the chats that it is in; files that it may fetch."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.telegram.chats import Chat, Fields
from tests.fakes.telegram.methods.calling import Calling, whole_number
from tests.fakes.telegram.refusals import bad_request

DOWNLOAD_BYTES = 20 * 2**20
MOST_COMMANDS = 100
_COMMAND = re.compile(r"/?[a-z0-9_]{1,32}")
_SCOPES = frozenset({"default", "all_private_chats", "all_group_chats", "all_chat_administrators"})
_CHAT_SCOPES = frozenset({"chat", "chat_administrators", "chat_member"})


class Profile(Calling):
    async def on_getme(self, params: Fields) -> Any:
        return self.bot.user

    async def on_setmycommands(self, params: Fields) -> Any:
        commands = params.get("commands") or []
        if len(commands) > MOST_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for one in commands:
            if not _COMMAND.fullmatch(str(one.get("command", ""))):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(str(one.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        self.bot.commands[_key(params)] = commands
        return True

    async def on_getmycommands(self, params: Fields) -> Any:
        return self.bot.commands.get(_key(params), [])

    async def on_deletemycommands(self, params: Fields) -> Any:
        self.bot.commands.pop(_key(params), None)
        return True

    async def on_getchat(self, params: Fields) -> Any:
        chat = self.readable(params)
        return chat.describe() | {
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": False,
                "limited_gifts": False,
                "unique_gifts": False,
                "premium_subscription": False,
                "gifts_from_channels": False,
            },
        }

    async def on_getchatmember(self, params: Fields) -> Any:
        chat, user_id = self.readable(params), whole_number(params.get("user_id"))
        if user_id == self.bot.bot_id:
            status = "administrator" if user_id in chat.admins else "member"
            return {"status": status, "user": self.bot.sender}
        if user_id not in self.world.people:
            raise bad_request("invalid user_id specified")
        return {"status": "member", "user": self.world.person(user_id)}

    async def on_leavechat(self, params: Fields) -> Any:
        self.readable(params).absent.add(self.bot.bot_id)
        return True

    async def on_getfile(self, params: Fields) -> Any:
        file_id = str(params.get("file_id", ""))
        if not file_id:
            raise bad_request("file_id not specified")
        if file_id not in self.world.files:
            raise bad_request("invalid file_id")
        size = self.world.claimed_sizes.get(file_id, len(self.world.files[file_id]))
        if size > DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {
            "file_id": file_id,
            "file_unique_id": file_id.replace("file", "unique"),
            "file_size": size,
            "file_path": self.world.file_paths.get(file_id, f"documents/{file_id}"),
        }


def command_scopes(chat: Chat) -> list[str]:
    """The scopes that hold in a chat, the narrowest first."""
    scopes: list[Fields] = [{"type": "chat", "chat_id": chat.chat_id}, {"type": "default"}]
    kind = "all_private_chats" if chat.private else "all_group_chats"
    scopes.insert(1, {"type": kind})
    return [json.dumps(scope, sort_keys=True) for scope in scopes]


def _key(params: Fields) -> tuple[str, str]:
    scope = params.get("scope") or {"type": "default"}
    if scope.get("type") not in _SCOPES | _CHAT_SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    if scope["type"] in _CHAT_SCOPES and not scope.get("chat_id"):
        raise bad_request("can't parse BotCommandScope: Empty chat_id specified")
    language = str(params.get("language_code", ""))
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    return json.dumps(scope, sort_keys=True), language
