"""An order to forget all that is delivered again, after more was said."""

from __future__ import annotations

import pytest

from assistant.errors import Silenced
from assistant.messages import Command
from tests.support.house import CHAT, house

FORGET = Command(CHAT, "forget", "7", "Ana", message_id="9", argument="all")


async def test_what_was_said_after_it_stays(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url) as home:
        await home.say("My secret", sender_id="7", message_id="8")
        answer = await home.service.command(FORGET)
        assert answer.text
        await home.say("And now?", sender_id="7", message_id="10")
        with pytest.raises(Silenced):
            await home.service.command(FORGET)
        assert await home.rows("SELECT text FROM messages") == [("And now?",)]
