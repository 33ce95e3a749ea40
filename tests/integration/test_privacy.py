"""Who may read what a person writes: they are told, and say what they allow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from assistant.phrases import LANGUAGES, Phrase, say
from tests.support.house import FAST, House, house
from tests.support.orders import GROUP, told


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url, settings=FAST.model_copy()) as built:
        yield built


def lines(*keys: str, language: str = "") -> str:
    return "\n".join(say(Phrase(f"privacy.{key}"), language) for key in keys)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_person_is_told_what_the_settings_say(home: House, language: str) -> None:
    for rule in ("everything", "metadata", "consent"):
        home.settings.content_access = rule  # type: ignore[assignment]
        said = await told(home, "privacy", language=language)
        assert said.startswith(lines(rule, "denied", language=language))
        assert said.endswith(say(Phrase("privacy.how"), language))
    home.settings.content_access = "everything"


async def test_they_allow_it_and_take_it_back(home: House) -> None:
    assert lines("allowed") in await told(home, "privacy", "allow")
    assert lines("allowed") in await told(home, "privacy")
    assert await consented(home) == 1
    assert lines("denied") in await told(home, "privacy", "Deny")
    assert lines("denied") in await told(home, "privacy")
    assert await consented(home) == 0


async def consented(home: House) -> int:
    return len(await home.rows("SELECT FROM persons WHERE consented_at IS NOT NULL"))


async def test_nobody_elses_consent_is_given(home: House) -> None:
    await told(home, "privacy", "allow", sender="8")
    assert lines("denied") in await told(home, "privacy", sender="7")
    assert await consented(home) == 1


async def test_what_is_no_answer_changes_nothing(home: House) -> None:
    assert await told(home, "privacy", "maybe") == lines("how")
    assert await consented(home) == 0


async def test_in_a_group_it_is_not_spoken_of(home: House) -> None:
    assert await told(home, "privacy", "allow", chat=GROUP) == lines("private_only")
    assert await consented(home) == 0
