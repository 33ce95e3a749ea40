"""The fake Slack's files, people, ratings and slash commands behave as Slack documents them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, feedback

RATING: dict[str, Any] = {
    "type": "context_actions",
    "elements": [
        {
            "type": "feedback_buttons",
            "action_id": "feedback",
            "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "up"},
            "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "down"},
        }
    ],
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        slack.workspace.channel("C1")
        yield slack


def client(fake: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(fake.bot_token, base_url=f"{fake.url}/api/")


async def test_the_librarys_own_upload_is_taken(fake: FakeSlack) -> None:
    await client(fake).files_upload_v2(
        channel="C1", content="words", filename="a.md", initial_comment="here"
    )
    [file] = fake.extras.files.values()
    assert (file.name, file.content, file.channel) == ("a.md", b"words", "C1")
    assert file.comment == "here"


async def test_a_file_whose_bytes_never_came_cant_be_completed(fake: FakeSlack) -> None:
    answer = await client(fake).files_getUploadURLExternal(filename="a.md", length=5)
    async with (
        aiohttp.ClientSession() as session,
        session.post(answer["upload_url"], data=b"four") as taken,
    ):
        assert taken.status == 400
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client(fake).files_completeUploadExternal(
            files=[{"id": answer["file_id"], "title": "a.md"}], channel_id="C1"
        )


async def test_a_persons_locale_is_told_only_when_it_is_asked_for(fake: FakeSlack) -> None:
    fake.extras.person("U1", "Ada", "de-DE")
    assert "locale" not in (await client(fake).users_info(user="U1"))["user"]
    told = await client(fake).users_info(user="U1", include_locale=True)
    assert told["user"]["locale"] == "de-DE"
    with pytest.raises(SlackApiError, match="user_not_found"):
        await client(fake).users_info(user="U2")


async def test_feedback_buttons_stand_in_their_own_kind_of_block_alone(fake: FakeSlack) -> None:
    await client(fake).chat_postMessage(channel="C1", text="x", blocks=[RATING])
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client(fake).chat_postMessage(
            channel="C1", text="x", blocks=[RATING | {"type": "actions"}]
        )


def test_a_rating_needs_both_sides_and_values() -> None:
    [element] = RATING["elements"]
    assert feedback.is_sound(RATING)
    one_sided = {name: value for name, value in element.items() if name != "negative_button"}
    no_value = element | {"positive_button": {"text": {"type": "plain_text", "text": "Good"}}}
    for broken in (one_sided, no_value, element | {"type": "button"}):
        assert not feedback.is_sound(RATING | {"elements": [broken]})
    assert not feedback.is_sound(RATING | {"elements": []})
