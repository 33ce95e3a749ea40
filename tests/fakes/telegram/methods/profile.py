"""The bot itself: who it is, its commands, the files that it may fetch."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.methods.calling import Calling
from tests.fakes.telegram.refusals import bad_request


class Profile(Calling):
    async def on_getme(self, params: Fields) -> Any:
        return self.bot.user

    async def on_setmycommands(self, params: Fields) -> Any:
        self.bot.commands[_key(params)] = params["commands"]
        return True

    async def on_getmycommands(self, params: Fields) -> Any:
        return self.bot.commands.get(_key(params), [])

    async def on_deletemycommands(self, params: Fields) -> Any:
        self.bot.commands.pop(_key(params), None)
        return True

    async def on_getfile(self, params: Fields) -> Any:
        name = str(params.get("file_id", ""))
        if name not in self.world.files:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        content = self.world.files[name]
        return {
            "file_id": name,
            "file_unique_id": name,
            "file_size": len(content),
            "file_path": f"documents/{name}",
        }


def _key(params: Fields) -> tuple[str, str]:
    scope = params.get("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), str(params.get("language_code", ""))
