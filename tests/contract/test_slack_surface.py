"""The agent pane, the older assistant view and the home tab, on the service and a fake Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from assistant.phrases import sentences
from assistant.settings import AssistantSettings, PersonaSettings
from bots.slack.agent.extras import OFF_SECONDS, Extras
from bots.slack.agent.surface import TITLE_UNITS, title_of
from bots.slack.cut import cut
from bots.slack.split import utf16_units
from tests.fakes.slack import FakeSlack, HandClock, Rates, Trouble
from tests.support.house import FAST, House
from tests.support.slack_account import settled, slack_account
from tests.support.slack_library import library

PIRATE = PersonaSettings(title="Pirate", prompt="Talk like one.", prompts=("Ahoy?", "x" * 200))
SETTINGS = AssistantSettings(**{**FAST.model_dump(), "personas": {"pirate": PIRATE}})
GREETING = sentences("en")["start.greeting"]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(rates=Rates(enforced=False)) as fake:
        fake.workspace.person("U1", "Ada", locale="de-DE")
        fake.workspace.channel("DU1")
        yield fake


@pytest.fixture
async def home(slack: FakeSlack, database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with at(slack, database_url, redis_url) as home:
        yield home


def at(
    slack: FakeSlack, database_url: str, redis_url: str, **settings: Any
) -> AbstractAsyncContextManager[House]:
    return slack_account(slack, database_url, redis_url, assistant=SETTINGS, **settings)


def suggested(slack: FakeSlack, thread: str = "") -> list[str]:
    return [one["message"] for one in slack.workspace.prompts["DU1", thread]["prompts"]]


def prompts(persona: str, language: str) -> list[str]:
    return sentences(language)[f"prompts.{persona}"].splitlines()


async def open_pane(slack: FakeSlack, times: int = 1) -> None:
    slack.open_home("U1", "messages")
    calls = "assistant.threads.setSuggestedPrompts"
    await slack.until(lambda: len(slack.calls_of(calls)) == times)
    await slack.until(lambda: bool(slack.workspace.prompts))


# --- the agent pane


async def test_the_pane_suggests_what_fits_the_persona_and_the_person(
    slack: FakeSlack, home: House
) -> None:
    await open_pane(slack)
    assert suggested(slack) == prompts("default", "de")
    await slack.command("DU1", "U1", "/outrider", "persona editor").acknowledged.wait()
    await open_pane(slack, 2)
    await slack.until(lambda: suggested(slack) == prompts("editor", "de"))
    assert slack.replies("DU1") == []  # nothing is said: the person only looked


async def test_a_persona_of_the_settings_suggests_its_own(slack: FakeSlack, home: House) -> None:
    await slack.command("DU1", "U1", "/outrider", "persona pirate").acknowledged.wait()
    await open_pane(slack)
    [first, second] = slack.workspace.prompts["DU1", ""]["prompts"]
    assert first == {"title": "Ahoy?", "message": "Ahoy?"}
    assert (second["message"], len(second["title"])) == ("x" * 200, 75)


async def test_the_assistant_view_is_greeted_in_its_thread(slack: FakeSlack, home: House) -> None:
    root = slack.open_assistant("U1", looking_at="C1")
    await slack.until(lambda: len(slack.replies("DU1")) == 2)
    [_, greeting] = slack.replies("DU1")
    assert (greeting.now.text, greeting.thread_ts) == (sentences("de")["start.greeting"], root.ts)
    assert suggested(slack, root.ts) == prompts("default", "de")


async def test_what_a_person_looks_at_meanwhile_is_ignored(slack: FakeSlack, home: House) -> None:
    root = slack.open_assistant("U1")
    await slack.until(lambda: len(slack.replies("DU1")) == 2)
    body = slack.events.thread_started(root, "U1", "C1")
    body["event"]["type"] = "assistant_thread_context_changed"
    await slack.courier.deliver("events_api", body).acknowledged.wait()
    await settled(slack, home)
    assert len(slack.replies("DU1")) == 2
    assert len(slack.calls_of("assistant.threads.setSuggestedPrompts")) == 1


async def test_a_thread_is_called_by_its_first_question_once(slack: FakeSlack, home: House) -> None:
    first = slack.dm("U1", "Why is  the sky blue?\nAnd the sea?")
    await settled(slack, home)
    slack.dm("U1", "and green?", thread_ts=first.ts)
    await settled(slack, home)
    await slack.until(lambda: bool(slack.workspace.titles))
    assert slack.workspace.titles == {("DU1", first.ts): "Why is the sky blue?"}
    assert len(slack.calls_of("assistant.threads.setTitle")) == 1


async def test_a_thread_of_the_assistant_view_is_called_by_its_first_question_too(
    slack: FakeSlack, home: House
) -> None:
    root = slack.open_assistant("U1")
    slack.dm("U1", "Why is the sky blue?", thread_ts=root.ts)
    await settled(slack, home)
    slack.dm("U1", "and green?", thread_ts=root.ts)
    await settled(slack, home)
    await slack.until(lambda: bool(slack.workspace.titles))
    assert slack.workspace.titles == {("DU1", root.ts): "Why is the sky blue?"}
    assert len(slack.calls_of("assistant.threads.setTitle")) == 1


async def test_a_question_that_comes_again_gives_no_second_title(
    slack: FakeSlack, home: House
) -> None:
    slack.dm("U1", "Why is the sky blue?")
    await settled(slack, home)
    [delivery] = slack.deliveries
    await slack.courier.deliver("events_api", delivery.body).acknowledged.wait()
    slack.dm("U1", "And the sea?")
    await slack.until(lambda: len(slack.workspace.titles) == 2)
    assert len(slack.calls_of("assistant.threads.setTitle")) == 2


async def test_what_was_refused_gives_no_title(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with at(slack, database_url, redis_url, access="allowlist", allowlist=("U2",)) as home:
        slack.dm("U1", "Why is the sky blue?")
        await slack.until(lambda: len(slack.replies("DU1")) == 1)
        slack.workspace.channel("DU2")
        slack.dm("U2", "And the sea?")
        await settled(slack, home)
        await slack.until(lambda: bool(slack.workspace.titles))
        assert list(slack.workspace.titles.values()) == ["And the sea?"]


async def test_a_thread_in_a_channel_gets_no_title(slack: FakeSlack, home: House) -> None:
    slack.mention("C1", "U1", "Why is the sky blue?")
    await settled(slack, home)
    assert slack.calls_of("assistant.threads.setTitle") == []


def test_a_title_is_the_persons_own_first_line_and_breaks_no_character() -> None:
    assert title_of("> Grace wrote: no\n> really\n\nWhy?\nHow?") == "Why?"
    assert title_of("> only a quote") == ""
    family = "👨‍👩‍👧‍👦"
    title = title_of(family * 30)
    assert title.endswith("…")
    assert title.rstrip("…").replace(family, "") == ""
    assert utf16_units(title) <= TITLE_UNITS
    assert cut("short", 5) == "short"


async def test_where_the_app_may_not_there_is_an_answer_all_the_same(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    slack.workspace.scopes = frozenset({"chat:write", "im:history", "users:read"})
    async with at(slack, database_url, redis_url) as home:
        for text in ("hello", "and you?"):
            slack.dm("U1", text)
            await settled(slack, home)
        await slack.until(lambda: bool(slack.calls_of("assistant.threads.setTitle")))
    assert len(slack.replies("DU1")) == 2
    assert len(slack.calls_of("assistant.threads.setTitle")) == 1  # then it is left alone


async def test_a_title_that_hangs_holds_up_no_answer(slack: FakeSlack, home: House) -> None:
    slack.trouble("assistant.threads.setTitle", Trouble(hang_seconds=60.0))
    slack.dm("U1", "hello")
    await settled(slack, home)
    [answer] = slack.replies("DU1")
    assert answer.now.button("retry") is not None  # it is whole
    assert [one.attempts for one in slack.deliveries] == [1]


async def test_what_slack_refuses_is_left_alone_for_as_long_as_it_says(slack: FakeSlack) -> None:
    clock, api = HandClock(), library(slack)
    extras, calls = Extras(clock), []

    async def titled() -> bool:
        calls.append(1)
        where = {"channel_id": "DU1", "thread_ts": root.ts, "title": "Tea"}
        return await extras.call("title", api.assistant_threads_setTitle, **where)

    root = slack.dm("U1", "hello")
    assert await titled()
    slack.trouble("assistant.threads.setTitle", Trouble("ratelimited", 429, 30))
    assert [await titled(), await titled()] == [False, False]
    clock.advance(31)
    assert await titled()
    slack.trouble("assistant.threads.setTitle", Trouble("feature_not_enabled"))
    assert [await titled(), await titled()] == [False, False]
    clock.advance(OFF_SECONDS + 1)
    assert await titled()
    assert len(slack.calls_of("assistant.threads.setTitle")) == 5 < len(calls)


# --- the home tab


def texts(view: dict[str, Any]) -> list[str]:
    """All that is read in it, options aside."""
    found = [block["text"]["text"] for block in view["blocks"] if "text" in block]
    return found + [
        one["text"] if isinstance(one["text"], str) else one["text"]["text"]
        for block in view["blocks"]
        for one in block.get("elements", ())
    ]


def control(view: dict[str, Any], action_id: str) -> dict[str, Any]:
    for block in view["blocks"]:
        for one in (block.get("accessory", {}), *block.get("elements", ())):
            if one.get("action_id") == action_id:
                return dict(one)
    raise LookupError(action_id)


def chosen(view: dict[str, Any], action_id: str) -> str:
    return str(control(view, action_id)["initial_option"]["value"])


async def opened(slack: FakeSlack, user: str = "U1") -> dict[str, Any]:
    before = slack.workspace.homes.get(user)
    slack.open_home(user)
    await slack.until(lambda: slack.workspace.homes.get(user) is not before)
    return slack.workspace.homes[user]


async def published(slack: FakeSlack, times: int) -> None:
    await slack.until(lambda: len(slack.calls_of("views.publish")) == times)


async def choose(slack: FakeSlack, action_id: str, value: str) -> dict[str, Any]:
    """The tab after a choice."""
    before = slack.workspace.homes["U1"]["hash"]
    select = {"action_id": action_id, "selected_option": {"value": value}}
    await slack.press_in_home("U1", select).acknowledged.wait()
    await slack.until(lambda: slack.workspace.homes["U1"]["hash"] != before)
    return slack.workspace.homes["U1"]


async def press(slack: FakeSlack, value: str) -> dict[str, Any]:
    before = slack.workspace.homes["U1"]["hash"]
    await slack.press_in_home(
        "U1", {"action_id": "home_forget", "value": value}
    ).acknowledged.wait()
    await slack.until(lambda: slack.workspace.homes["U1"]["hash"] != before)
    return slack.workspace.homes["U1"]


async def test_the_home_tab_shows_what_there_is_of_a_person(slack: FakeSlack, home: House) -> None:
    slack.dm("U1", "hello")
    slack.dm("U1", "!memory I live in &lt;b>Lisbon &amp; <!channel>")
    await settled(slack, home)
    await slack.until(lambda: len(slack.replies("DU1")) == 2)
    view = await opened(slack)
    said = "\n".join(texts(view))
    assert "Heute (UTC): 1 Nachrichten, 1 Antworten" in said
    assert "1. I live in <b>Lisbon & @channel" in said
    assert "!persona – " in said and "/persona" not in said
    assert "Outrider" in said  # what it is
    assert (chosen(view, "home_persona"), chosen(view, "home_lang")) == ("default", "auto")
    assert all(block["text"]["type"] == "plain_text" for block in view["blocks"] if "text" in block)


async def test_a_persona_chosen_there_is_the_one_of_all_direct_messages(
    slack: FakeSlack, home: House
) -> None:
    await opened(slack)
    assert chosen(await choose(slack, "home_persona", "teacher"), "home_persona") == "teacher"
    first = slack.dm("U1", "hello")
    await settled(slack, home)
    slack.dm("U1", "!persona", thread_ts=first.ts)
    await slack.until(lambda: len(slack.replies("DU1")) == 2)
    title = sentences("de")["persona.teacher"]
    assert f"in diesem Chat: {title}" in slack.replies("DU1")[-1].now.text


async def test_a_language_chosen_there_is_spoken_at_once(slack: FakeSlack, home: House) -> None:
    assert sentences("de")["home.settings"] in texts(await opened(slack))
    view = await choose(slack, "home_lang", "es")
    assert sentences("es")["home.settings"] in texts(view)
    assert chosen(view, "home_lang") == "es"
    assert sentences("de")["home.settings"] in texts(await choose(slack, "home_lang", "auto"))


async def test_a_memory_is_forgotten_at_a_press(slack: FakeSlack, home: House) -> None:
    for text in ("I live in Lisbon", "I like tea", "I have a cat"):
        await slack.command("DU1", "U1", "/outrider", f"memory {text}").acknowledged.wait()
    await opened(slack)
    said = "\n".join(texts(await press(slack, "2")))
    assert "I live in Lisbon" in said and "I have a cat" in said and "tea" not in said
    view = await press(slack, "all")
    assert "Lisbon" not in "\n".join(texts(view))
    assert await home.rows("SELECT FROM memories") == []


async def test_fifty_long_memories_fit(slack: FakeSlack, home: House) -> None:
    slack.dm("U1", "hello")
    await settled(slack, home)
    await home.rows(
        "INSERT INTO memories (person_id, number, text)"
        " SELECT persons.id, number, repeat('👍', 500)"
        " FROM persons, generate_series(1, 50) AS number RETURNING number"
    )
    view = await opened(slack)
    assert sum("accessory" in one for one in view["blocks"]) == 52
    assert slack.refusals == []


async def test_what_was_published_meanwhile_is_gone_over_with_what_holds(
    slack: FakeSlack, home: House
) -> None:
    await opened(slack)
    select = {"action_id": "home_persona", "selected_option": {"value": "brief"}}
    pressed = slack.press_in_home("U1", select)
    slack.workspace.homes["U1"]["hash"] = "newer"  # than the tab that was pressed in
    await pressed.acknowledged.wait()
    await published(slack, 3)
    await slack.until(lambda: slack.workspace.homes["U1"]["hash"] != "newer")
    assert [one.error for one in slack.calls_of("views.publish")] == ["", "hash_conflict", ""]
    assert chosen(slack.workspace.homes["U1"], "home_persona") == "brief"


async def test_controls_give_no_more_than_the_orders_do(
    slack: FakeSlack, database_url: str, redis_url: str
) -> None:
    async with at(slack, database_url, redis_url, access="allowlist", allowlist=("U2",)) as home:
        view = await opened(slack)
        assert len(view["blocks"]) == 1
        assert "U1" in texts(view)[0]  # it says how to ask
        view["private_metadata"] = "DU1"
        view = await choose(slack, "home_persona", "brief")
        assert len(view["blocks"]) == 1
        assert await home.rows("SELECT FROM conversations") == []


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"action_id": "home_persona"},
        {"action_id": "home_persona", "selected_option": {"value": 7}},
        {"action_id": "home_forget", "value": ""},
        {"action_id": "what", "value": "1"},
    ],
)
async def test_a_control_that_is_none_of_ours_does_nothing(
    slack: FakeSlack, home: House, action: dict[str, Any]
) -> None:
    await opened(slack)
    await slack.press_in_home("U1", action).acknowledged.wait()
    await opened(slack)
    assert len(slack.calls_of("views.publish")) == 2


async def test_an_unreachable_slack_ends_nothing_when_a_tab_is_opened(
    slack: FakeSlack, home: House
) -> None:
    slack.trouble("views.publish", Trouble(status=503))
    slack.open_home("U1")
    await slack.until(lambda: len(slack.calls_of("views.publish")) == 1)
    view = await opened(slack)
    assert view["blocks"]
