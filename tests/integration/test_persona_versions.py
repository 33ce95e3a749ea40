"""Personas that admins change: versions, going back, and where each answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from assistant.answering.persona_versions import PersonaDraft, PersonaVersions
from assistant.answering.personas import BUILT_IN, Personas
from assistant.errors import ChangedMeanwhile, ChangeRefused
from assistant.insight.personas import PersonaFigures, Thumbs
from assistant.settings import AssistantSettings, PersonaSettings
from assistant.storage.audit import Actor, AuditLog
from tests.support.house import CHAT, FAST, House, house, until, working
from tests.support.orders import GROUP, asked, press, quick, system_prompt, told

PIRATE = PersonaSettings(title="Captain Redbeard", prompt="Talk like a pirate.")
SETTINGS = AssistantSettings(**{**FAST.model_dump(), "personas": {"pirate": PIRATE}})
ROOT = Actor("admin", 1, "root", "127.0.0.1")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=SETTINGS) as built:
        yield built


@pytest.fixture
def versions(home: House) -> PersonaVersions:
    return PersonaVersions(home.database, Personas(home.database, home.settings))


def draft(prompt: str, title: str = "", **values: object) -> PersonaDraft:
    return PersonaDraft(title, prompt, **values)  # type: ignore[arg-type]


async def recorded(home: House, turn_id: int) -> tuple[str | None, int | None]:
    [found] = await home.rows(
        "SELECT persona, persona_version FROM turns WHERE id = %(id)s", {"id": turn_id}
    )
    return tuple(found)


async def test_the_original_is_version_1_and_a_change_holds_from_the_next_answer_on(
    home: House, versions: PersonaVersions
) -> None:
    await told(home, "persona", "teacher")
    [original] = await versions.of("teacher")
    assert (original.number, original.prompt) == (1, BUILT_IN["teacher"])
    changed = await versions.change("teacher", draft("Be strict.", note="too soft"), ROOT, 1)
    assert (changed.version, changed.prompt) == (2, "Be strict.")
    await home.say("What is a heron?")
    assert (await system_prompt(home)).endswith("\n\nBe strict.")
    newest, first = await versions.of("teacher")
    assert (newest.number, newest.note, newest.made_by) == (2, "too soft", "root")
    assert (first.number, first.prompt) == (1, BUILT_IN["teacher"])


async def test_going_back_makes_an_earlier_version_hold_and_loses_none(
    home: House, versions: PersonaVersions
) -> None:
    await told(home, "persona", "pirate")
    await versions.change("pirate", draft("Sing.", "Singer"), ROOT, 1)
    back = await versions.roll_back("pirate", 1, ROOT, 2)
    assert (back.version, back.title, back.prompt) == (1, PIRATE.title, PIRATE.prompt)
    assert [one.number for one in await versions.of("pirate")] == [2, 1]
    third = await versions.change("pirate", draft("Hum.", "Singer"), ROOT, 1)
    assert third.version == 3
    entries = await AuditLog(home.database).newest(10, target="persona:pirate")
    assert [one.action for one in entries] == [
        "persona.changed",
        "persona.rolled_back",
        "persona.changed",
    ]
    assert entries[0].before is not None and entries[0].after is not None
    assert (entries[0].before["prompt"], entries[0].after["prompt"]) == (PIRATE.prompt, "Hum.")


async def test_a_change_of_what_was_changed_meanwhile_is_refused_and_lost_is_nothing(
    home: House, versions: PersonaVersions
) -> None:
    await versions.change("brief", draft("One word."), ROOT, 1)
    with pytest.raises(ChangedMeanwhile, match="Version 2 of this persona was made meanwhile"):
        await versions.change("brief", draft("Two words."), ROOT, 1)
    with pytest.raises(ChangedMeanwhile):
        await versions.roll_back("brief", 1, ROOT, 1)
    assert (await versions.one("brief")).prompt == "One word."
    assert len(await versions.of("brief")) == 2


async def test_what_stands_in_the_database_wins_over_the_settings(
    home: House, versions: PersonaVersions
) -> None:
    await versions.change("pirate", draft("Sing.", "Singer"), ROOT, 1)
    home.settings.personas["pirate"] = PersonaSettings(title="Other", prompt="Other.")
    assert (await versions.one("pirate")).prompt == "Sing."
    assert (await versions.of("pirate"))[-1].prompt == PIRATE.prompt
    del home.settings.personas["pirate"]
    assert "pirate" in await told(home, "persona")


async def test_a_new_one_is_offered_to_people_and_a_retired_one_is_not(
    home: House, versions: PersonaVersions
) -> None:
    await versions.make("poet", draft("Rhyme.", "A poet", prompts=("A rhyme on rain",)), ROOT)
    assert "/persona poet – A poet" in await told(home, "persona")
    await told(home, "persona", "poet")
    assert list(await home.service.suggestions(CHAT)) == ["A rhyme on rain"]
    await versions.retire("poet", ROOT)
    assert "poet" not in await told(home, "persona")
    await home.say("Hello")
    assert await system_prompt(home) == SETTINGS.system_prompt
    await versions.retire("poet", ROOT, retired=False)
    await home.say("And now?")
    assert "Rhyme." in await system_prompt(home)


async def test_the_default_can_be_changed_and_not_retired(
    home: House, versions: PersonaVersions
) -> None:
    await versions.change("default", draft("Mention the sea."), ROOT, 1)
    await home.say("Hello")
    assert (await system_prompt(home)).endswith("\n\nMention the sea.")
    with pytest.raises(ChangeRefused, match="can't be retired"):
        await versions.retire("default", ROOT)


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("Poet", draft("x", "A poet"), "Name it in 1 to 32"),
        ("a" * 33, draft("x", "A poet"), "Name it in 1 to 32"),
        ("poet\n", draft("x", "A poet"), "Name it in 1 to 32"),
        ("poet", draft("x"), "Give it a title"),
        ("poet", draft("x", "y" * 101), "Give it a title"),
        ("poet", draft("x" * 8_001, "A poet"), "The prompt has 8,001 characters"),
        ("poet", draft("x", "A poet", prompts=("a",) * 5), "at most 4 suggestions"),
        ("poet", draft("x", "A poet", prompts=("a" * 301,)), "at most 4 suggestions"),
        ("teacher", draft("x", "A poet"), "There is a persona of this name already"),
    ],
)
async def test_what_can_not_be_made_is_refused_in_a_sentence(
    home: House, versions: PersonaVersions, name: str, given: PersonaDraft, why: str
) -> None:
    with pytest.raises(ChangeRefused, match=why):
        await versions.make(name, given, ROOT)
    assert await home.rows("SELECT * FROM personas") == []


async def test_a_change_that_changes_nothing_or_is_of_nobody_is_refused(
    home: House, versions: PersonaVersions
) -> None:
    with pytest.raises(ChangeRefused, match="Nothing is changed"):
        await versions.change("teacher", draft(BUILT_IN["teacher"]), ROOT, 1)
    for name in ("nobody", "'; DROP TABLE personas; --"):
        with pytest.raises(ChangeRefused, match="There is no persona of this name"):
            await versions.change(name, draft("x", "y"), ROOT, 1)
    with pytest.raises(ChangeRefused, match="no version 9"):
        await versions.roll_back("teacher", 9, ROOT, 1)
    assert await home.rows("SELECT * FROM personas") == [], "the settings still decide"


async def test_a_chat_s_choice_goes_before_its_account_s_and_a_thread_s_before_both(
    home: House, versions: PersonaVersions
) -> None:
    topic = replace(GROUP, thread_id="5")
    [[account]] = await home.rows("SELECT id FROM accounts WHERE channel = 'telegram'")
    await versions.set_account(account, "brief", ROOT)

    async def answers() -> set[str]:
        await home.say("Hello", topic)
        prompt = await system_prompt(home)
        return {name for name, one in BUILT_IN.items() if one in prompt}

    assert await answers() == {"brief"}
    assert "in this chat: Short" in await told(home, "persona", chat=topic)
    await versions.set_chat(account, GROUP.chat_id, "teacher", ROOT, everywhere=False)
    assert await answers() == {"teacher"}
    await told(home, "persona", "editor", chat=topic)
    assert await answers() == {"editor"}
    await versions.set_chat(account, GROUP.chat_id, "teacher", ROOT, everywhere=True)
    assert await answers() == {"teacher"}
    await versions.set_chat(account, GROUP.chat_id, "", ROOT, everywhere=True)
    assert await answers() == {"brief"}
    figures = PersonaFigures(home.database)
    assert [one.persona for one in await figures.accounts() if one.channel == "telegram"] == [
        "brief"
    ]


async def test_an_unknown_place_or_persona_is_refused(
    home: House, versions: PersonaVersions
) -> None:
    [[account]] = await home.rows("SELECT id FROM accounts WHERE channel = 'telegram'")
    with pytest.raises(ChangeRefused, match="Nobody has written to us in this chat"):
        await versions.set_chat(account, "unheard-of", "brief", ROOT, everywhere=False)
    with pytest.raises(ChangeRefused, match="There is no persona of this name"):
        await versions.set_account(account, "nobody", ROOT)
    with pytest.raises(ChangeRefused, match="This account isn't there any more"):
        await versions.set_account(account + 999, "brief", ROOT)


async def test_each_answer_says_as_whom_it_was_given_and_in_which_version(
    home: House, versions: PersonaVersions
) -> None:
    await told(home, "persona", "teacher")
    async with working(home.worker(quick())):
        first, _ = await asked(home, "What is a heron?")
        await versions.change("teacher", draft("Be strict."), ROOT, 1)
        second, _ = await asked(home, "And a stork?")
        elsewhere, _ = await asked(home, "Hello", replace(CHAT, chat_id="43"))
    assert await recorded(home, first) == ("teacher", 1)
    assert await recorded(home, second) == ("teacher", 2)
    assert await recorded(home, elsewhere) == ("default", 1)


async def test_a_taken_over_answer_keeps_the_version_that_it_began_with(
    home: House, versions: PersonaVersions
) -> None:
    await told(home, "persona", "teacher")
    accepted = await home.say("What is a heron?")
    slow = home.worker(quick(tokens_per_second=10, answer_tokens=30), "one")

    async def begun() -> bool:
        return await recorded(home, accepted.turn_id) != (None, None)

    async with working(slow):
        await until(begun)
    await versions.change("teacher", draft("Be strict."), ROOT, 1)
    async with working(home.worker(quick(), "two")):
        await home.answer(accepted.turn_id)
    assert await recorded(home, accepted.turn_id) == ("teacher", 1)


async def test_thumbs_are_counted_for_the_version_that_earned_them(
    home: House, versions: PersonaVersions
) -> None:
    await told(home, "persona", "teacher")
    async with working(home.worker(quick())):
        first, _ = await asked(home, "What is a heron?")
        await home.service.press(press("up", first))
        await home.service.press(press("down", first, sender="8"))
        await versions.change("teacher", draft("Be strict."), ROOT, 1)
        second, _ = await asked(home, "And a stork?")
        await home.service.press(press("up", second))
        taken_back, _ = await asked(home, "And a crane?")
        for _ in range(2):
            await home.service.press(press("down", taken_back))
    figures = PersonaFigures(home.database)
    assert await figures.thumbs_of("teacher") == {1: Thumbs(1, 1), 2: Thumbs(1, 0)}
    assert await figures.thumbs() == {"teacher": Thumbs(2, 1)}
    assert (await figures.thumbs_of("teacher"))[1].share == 0.5
    assert await figures.chosen() == {"teacher": 1}
    [place] = await figures.places("teacher")
    assert (place.channel, place.chat_id, place.kind) == ("telegram", CHAT.chat_id, "private")
