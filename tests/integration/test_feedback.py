"""Buttons under a reply: another answer, and thumbs that are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.errors import MessageRefused
from assistant.messages import ChatRef
from assistant.phrases import Phrase
from tests.support.house import House, house, until, working
from tests.support.orders import GROUP, asked, press, quick, shown_by

GIVEN, WITHDRAWN, GONE = Phrase("button.given"), Phrase("button.withdrawn"), Phrase("button.gone")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built, working(built.worker(quick())):
        yield built


async def kept(home: House) -> list[tuple[object, ...]]:
    return await home.rows("SELECT turn_id, value FROM feedback ORDER BY person_id")


async def test_a_thumb_is_kept_changed_and_taken_back(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    assert await home.service.press(press("up", turn)) == GIVEN
    assert await kept(home) == [(turn, 1)]
    assert await home.service.press(press("down", turn)) == GIVEN
    assert await kept(home) == [(turn, -1)]
    assert await home.service.press(press("down", turn)) == WITHDRAWN
    assert await kept(home) == []


async def test_a_press_that_is_delivered_again_changes_nothing(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    assert await home.service.press(press("up", turn, event_id="77")) == GIVEN
    assert await home.service.press(press("up", turn, event_id="77")) is None
    assert await kept(home) == [(turn, 1)]
    # Where a platform names no event each press counts.
    nameless = replace(press("up", turn), event_id="")
    assert await home.service.press(nameless) == WITHDRAWN


async def test_in_a_group_each_has_a_thumb_of_their_own(home: House) -> None:
    turn, _ = await asked(home, "About herons", GROUP)
    for sender, action in (("7", "up"), ("8", "down"), ("9", "up")):
        pressed = press(action, turn, chat=GROUP, sender=sender)  # type: ignore[arg-type]
        assert await home.service.press(pressed) == GIVEN
    assert await kept(home) == [(turn, 1), (turn, -1), (turn, 1)]


async def test_a_button_acts_on_no_turn_of_another_chat(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    elsewhere = ChatRef("telegram", "default", "43")
    for action in ("up", "down", "retry", "stop"):
        pressed = press(action, turn, chat=elsewhere)  # type: ignore[arg-type]
        assert await home.service.press(pressed) == GONE
    assert await kept(home) == []
    assert [one.turn_id for one in home.screen.chats["42"]] == [turn]


async def test_a_button_of_an_erased_turn_says_so(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    await home.rows("DELETE FROM conversations")
    for action in ("up", "down", "retry", "stop"):
        pressed = press(action, turn)  # type: ignore[arg-type]
        assert await home.service.press(pressed) == GONE


async def test_the_press_of_a_stranger_is_refused(database_url: str, redis_url: str) -> None:
    async with house(database_url, redis_url, access="pairing") as home:
        with pytest.raises(MessageRefused) as refused:
            await home.say("About herons", GROUP)
        assert await home.service.admission.access.pair(str(refused.value.phrase.values["code"]))
        async with working(home.worker(quick())):
            turn, _ = await asked(home, "About herons", GROUP)
        for action in ("up", "retry", "stop"):
            with pytest.raises(MessageRefused, match="outrider pair"):
                await home.service.press(press(action, turn, chat=GROUP, sender="66"))  # type: ignore[arg-type]
        assert await kept(home) == []
        assert await home.rows("SELECT count(*) FROM turns") == [(1,)]


async def test_another_answer_comes_in_the_place_of_the_first(home: House) -> None:
    turn, message = await asked(home, "About herons")
    assert await home.service.press(press("retry", turn)) is None
    await until(lambda: [one.turn_id for one in home.screen.chats["42"] if one.last] != [turn])
    await until(lambda: [one.last for one in home.screen.chats["42"]] == [True])
    [shown] = home.screen.chats["42"]
    assert shown.id == message
    assert shown.turn_id != turn


async def test_pressed_twice_it_is_answered_once_more_and_not_twice(home: House) -> None:
    turn, _ = await asked(home, "About herons")
    assert await home.service.press(press("retry", turn)) is None
    assert await home.service.press(press("retry", turn)) == Phrase("button.answering")
    assert await home.rows("SELECT count(*) FROM turns") == [(2,)]


async def test_more_can_be_asked_for_only_under_the_last_message_of_a_reply_that_is_over(
    home: House,
) -> None:
    home.screen.piece_characters = 20
    turn, _ = await asked(home, "About herons that stand in the water and wait for fish")
    assert shown_by(home, turn)
    assert len(home.screen.chats["42"]) > 2
    assert [one.last for one in home.screen.chats["42"]][-2:] == [False, True]
    assert not any(one.last for one in home.screen.chats["42"][:-1])
