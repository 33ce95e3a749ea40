"""What an admin sets while Outrider runs holds in every process, and nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.errors import ChangeRefused, MessageRefused, QueueFull
from assistant.live_settings import LiveSettings, live_fields
from assistant.settings import AssistantSettings
from assistant.storage.audit import Actor, AuditLog
from tests.support.house import CHAT, House, house, until
from tests.support.orders import system_prompt

ROOT = Actor("admin", 1, "root", "127.0.0.1")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


async def test_a_change_holds_at_once_and_in_other_processes_soon(home: House) -> None:
    other = AssistantSettings()
    elsewhere = LiveSettings(home.database, other)
    await home.live.change("system_prompt", "You are a heron.", ROOT)
    await home.say("Hello")
    assert await system_prompt(home) == "You are a heron."
    assert other.system_prompt != "You are a heron."
    await elsewhere.refresh()
    assert other.system_prompt == "You are a heron."


async def test_it_is_found_without_being_told(home: House) -> None:
    other = LiveSettings(home.database, AssistantSettings())
    await other.change("message_characters", 5, ROOT)
    await until(lambda: home.settings.message_characters == 5)
    with pytest.raises(MessageRefused):
        await home.say("Hello there")


async def test_a_restart_keeps_it_and_a_reset_gives_back_what_the_settings_say(
    home: House,
) -> None:
    await home.live.change("attempts", 7, ROOT)
    restarted = LiveSettings(home.database, AssistantSettings(attempts=2))
    await restarted.refresh()
    assert restarted.settings.attempts == 7
    await home.live.reset("attempts", ROOT)
    await restarted.refresh()
    assert (restarted.settings.attempts, home.settings.attempts) == (2, 5)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("attempts", 0, "attempts: input should be greater than or equal to 1."),
        ("attempts", "many", "attempts: input should be a valid integer"),
        ("turn_seconds", None, "turn_seconds: input should be a valid number."),
        ("system_prompt", {"a": 1}, "system_prompt: input should be a valid string."),
        ("lease_seconds", 5.0, "This is no setting that can be changed"),
        ("model_fields", 5.0, "This is no setting that can be changed"),
        ("personas", {}, "This is no setting that can be changed"),
    ],
)
async def test_what_the_settings_would_not_take_is_refused_and_changes_nothing(
    home: House, name: str, value: object, why: str
) -> None:
    with pytest.raises(ChangeRefused, match=why.replace("(", r"\(")):
        await home.live.change(name, value, ROOT)
    assert await home.rows("SELECT * FROM live_settings") == []
    assert await AuditLog(home.database).newest(10) == []


async def test_each_change_is_in_its_history_with_before_and_after(home: House) -> None:
    await home.live.change("answer_tokens", 100, ROOT)
    await home.live.change("answer_tokens", 100, ROOT)
    await home.live.change("answer_tokens", None, ROOT)
    await home.live.reset("answer_tokens", ROOT)
    entries = await AuditLog(home.database).newest(10, target="setting:answer_tokens")
    assert [(one.action, one.before, one.after) for one in entries] == [
        ("setting.reset", {"value": None}, {"value": None}),
        ("setting.changed", {"value": 100}, {"value": None}),
        ("setting.changed", {"value": None}, {"value": 100}),
    ]


async def test_what_an_elder_outrider_left_is_passed_over(home: House) -> None:
    await home.rows(
        "INSERT INTO live_settings (name, value) VALUES ('attempts', '\"x\"'), ('gone', '1'),"
        " ('person_turns', '3')"
    )
    await home.live.refresh()
    assert (home.settings.attempts, home.settings.person_turns) == (5, 3)


async def test_who_watches_is_told_of_its_setting_alone(home: House) -> None:
    seen: list[object] = []
    home.live.watch("attempts", seen.append)
    await home.live.change("person_turns", 3, ROOT)
    await home.live.change("attempts", 3, ROOT)
    await home.live.reset("attempts", ROOT)
    assert seen == [5, 3, 5]


async def test_a_limit_that_was_changed_is_kept_by_the_next_message(home: House) -> None:
    await home.live.change("person_turns", 1, ROOT)
    await home.say("One")
    with pytest.raises(QueueFull):
        await home.say("Two", replace(CHAT, chat_id="43"))
    await home.live.reset("person_turns", ROOT)
    await home.say("Two", replace(CHAT, chat_id="43"))


async def test_all_that_may_change_are_listed_with_what_is_allowed(home: House) -> None:
    await home.live.change("attempts", 7, ROOT)
    listed = {one.name: one for one in await home.live.listed()}
    assert listed.keys() == live_fields().keys()
    attempts = listed["attempts"]
    assert (attempts.value, attempts.original, attempts.schema["minimum"]) == (7, 5, 1)
    assert attempts.changed_at is not None and listed["person_turns"].changed_at is None
