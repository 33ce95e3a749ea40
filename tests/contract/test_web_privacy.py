"""In the web chat too, people are told who may read it, and say what they allow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from assistant.phrases import Phrase, say
from tests.support.admin_house import AdminHouse, admin_house
from tests.support.house import FAST, house

HEAD = {"accept-language": "de-DE"}


@pytest_asyncio.fixture
async def site(database_url: str, redis_url: str) -> AsyncIterator[AdminHouse]:
    async with (
        house(database_url, redis_url, settings=FAST.model_copy()) as home,
        admin_house(home) as made,
    ):
        yield made


def told(*keys: str) -> str:
    return "\n".join(say(Phrase(f"privacy.{key}"), "de") for key in keys)


async def test_whoever_holds_the_cookie_is_asked_and_answers(site: AdminHouse) -> None:
    site.house.settings.content_access = "consent"
    async with httpx.AsyncClient(base_url=site.address, headers=HEAD) as person:

        async def said(choice: str) -> str:
            answer = await person.post("/chat/privacy", json={"choice": choice})
            assert answer.status_code == 200, answer.text
            return str(answer.json()["said"])

        assert await said("") == told("consent", "denied")
        assert await said("allow") == told("consent", "allowed")
        assert await said("") == told("consent", "allowed")
        assert await said("deny") == told("consent", "denied")
    site.house.settings.content_access = "everything"
    async with httpx.AsyncClient(base_url=site.address, headers=HEAD) as another:
        answer = await another.post("/chat/privacy", json={"choice": ""})
        assert answer.json()["said"] == told("everything", "denied")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choice": "maybe"}', b'{"choice": 1}', b"\xff"])
async def test_what_is_no_answer_is_refused(site: AdminHouse, body: bytes) -> None:
    async with httpx.AsyncClient(base_url=site.address) as person:
        answer = await person.post("/chat/privacy", content=body)
        assert answer.status_code == 400
        assert "'allow' or 'deny'" in answer.json()["error"]["message"]
    assert await site.house.rows("SELECT FROM persons WHERE consented_at IS NOT NULL") == []
