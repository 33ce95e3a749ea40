"""sendMessageDraft: what is being written, shown for half a minute, and no message."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.content import TEXT_UNITS, read
from tests.fakes.telegram.entities import units
from tests.fakes.telegram.methods.calling import Calling, version_of, whole_number
from tests.fakes.telegram.refusals import bad_request


class Drafts(Calling):
    async def on_sendmessagedraft(self, params: Fields) -> Any:
        chat = self.writable(params)
        if not chat.private:
            raise bad_request("PEER_ID_INVALID")
        draft_id = whole_number(params.get("draft_id"))
        if not draft_id:
            raise bad_request("RANDOM_ID_INVALID")
        text, entities = str(params.get("text") or ""), params.get("entities") or []
        found = read(text, params.get("parse_mode", ""), entities)
        if units(found.text) > TEXT_UNITS:
            raise bad_request("message is too long")
        self.thread(chat, params)
        version = version_of(found, self.world.now(), None)
        chat.drafts.setdefault(draft_id, []).append(version)
        chat.draft_history.append((draft_id, version))
        return True
