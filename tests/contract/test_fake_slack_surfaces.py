"""The fake's other surfaces: controls, modals, the home tab, the assistant pane, and blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, HandClock, Rates
from tests.support.slack_library import library, refusal

Block = dict[str, Any]
BUTTON: Block = {
    "type": "button",
    "action_id": "stop",
    "value": "7",
    "text": {"type": "plain_text", "text": "Stop"},
}
LIKED: Block = {"text": {"type": "plain_text", "text": "Good"}, "value": "good"}
DISLIKED: Block = {"text": {"type": "plain_text", "text": "Bad"}, "value": "bad"}
FEEDBACK: Block = {
    "type": "feedback_buttons",
    "action_id": "feedback",
    "positive_button": LIKED,
    "negative_button": DISLIKED,
}


def actions(*elements: Block, kind: str = "actions") -> Block:
    return {"type": kind, "elements": list(elements)}


def header(characters: int) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": "x" * characters}}


def modal(*blocks: Block, title: str = "Ask") -> Block:
    shown = {"type": "modal", "title": {"type": "plain_text", "text": title}}
    return shown | {"submit": {"type": "plain_text", "text": "Go"}, "blocks": list(blocks)}


QUESTION: Block = {
    "type": "input",
    "block_id": "question",
    "label": {"type": "plain_text", "text": "What?"},
    "element": {"type": "plain_text_input", "action_id": "words"},
}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(clock=clock, rates=Rates(enforced=False)) as fake:
        fake.workspace.channel("C1")
        fake.workspace.person("U1", "Ada")
        yield fake


@pytest.fixture
async def api(slack: FakeSlack) -> AsyncWebClient:
    return library(slack)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (header(151), "must be less than 151 characters [json-pointer:/blocks/0/text/text]"),
        (actions(FEEDBACK), "unsupported type: feedback_buttons"),
        (actions(BUTTON, kind="context_actions"), "unsupported type: button"),
        (actions(*[FEEDBACK] * 6, kind="context_actions"), "no more than 5 items allowed"),
        (actions(FEEDBACK | {"positive_button": None}, kind="context_actions"), "positive_button"),
        (actions(BUTTON, BUTTON), "action_id already exists"),
        (actions(BUTTON | {"style": "loud"}), "must be a valid enum value"),
        (actions(BUTTON | {"value": "x" * 2_001}), "must be less than 2001 characters"),
        ({"type": "table", "rows": []}, "must have between 1 and 100 rows"),
        ({"type": "context", "elements": []}, "no fewer than 1 items allowed"),
        ({"type": "section"}, "must provide text or fields"),
    ],
)
async def test_a_refused_block_is_named_with_its_place(
    api: AsyncWebClient, block: Block, words: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await api.chat_postMessage(channel="C1", text="x", blocks=[block])
    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert words in answer["response_metadata"]["messages"][0]


async def test_blocks_with_every_control_at_its_limits_are_taken(api: AsyncWebClient) -> None:
    blocks = [
        header(150),
        actions(BUTTON | {"value": "x" * 2_000, "style": "danger"}),
        actions(FEEDBACK, kind="context_actions"),
        {"type": "table", "rows": [[{"type": "raw_text", "text": "1"}]]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small"}]},
    ]
    await api.chat_postMessage(channel="C1", text="x", blocks=blocks)


async def test_an_update_that_names_no_blocks_leaves_them(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    blocks = [actions(BUTTON)]
    ts = str((await api.chat_postMessage(channel="C1", text="x", blocks=blocks))["ts"])
    await api.chat_update(channel="C1", ts=ts, text="y")
    [shown] = slack.replies("C1")
    assert shown.now.button("stop") is not None
    await api.chat_update(channel="C1", ts=ts, text="z", blocks=[])
    assert shown.now.blocks == ()


@pytest.mark.parametrize(
    "given",
    [
        {"text": "<!here> look"},
        {"text": "look @channel", "link_names": True},
        {"text": "x", "blocks": [{"type": "markdown", "text": "<!everyone>"}]},
        {"text": "x", "blocks": [{"type": "context", "elements": [
            {"type": "mrkdwn", "text": "<!subteam^S1|@team>"}]}]},
    ],
)  # fmt: skip
async def test_calling_everybody_is_noticed_wherever_it_stands(
    slack: FakeSlack, api: AsyncWebClient, given: dict[str, Any]
) -> None:
    await api.chat_postMessage(channel="C1", **given)
    assert len(slack.broadcasts) == 1


async def test_a_person_who_calls_everybody_is_not_counted(slack: FakeSlack) -> None:
    slack.write("C1", "U1", "<!channel> lunch")
    assert slack.broadcasts == []


async def test_feedback_says_which_of_the_two_was_pressed(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    blocks = [actions(FEEDBACK, kind="context_actions")]
    await api.chat_postMessage(channel="C1", text="x", blocks=blocks)
    [shown] = slack.replies("C1")
    pressed = slack.press(shown, "U1", "feedback", value="bad")
    [action] = pressed.body["actions"]
    assert (action["type"], action["value"]) == ("feedback_buttons", "bad")
    with pytest.raises(LookupError):
        slack.press(shown, "U1", "feedback", value="neither")


async def test_a_modal_opens_once_and_within_three_seconds_of_a_persons_act(
    slack: FakeSlack, api: AsyncWebClient, clock: HandClock
) -> None:
    theirs = slack.write("C1", "U1", "hello")
    early = slack.use_shortcut(theirs, "U1", "ask").body
    late = slack.use_shortcut(theirs, "U1", "ask").body["trigger_id"]
    assert (early["type"], early["message"]["text"]) == ("message_action", "hello")
    view = modal(QUESTION)
    await api.views_open(trigger_id=early["trigger_id"], view=view)
    again = api.views_open(trigger_id=early["trigger_id"], view=view)
    assert await refusal(again) == "exchanged_trigger_id"
    clock.advance(4)
    assert await refusal(api.views_open(trigger_id=late, view=view)) == "expired_trigger_id"
    assert await refusal(api.views_open(trigger_id="x", view=view)) == "invalid_trigger_id"


async def test_a_form_is_submitted_with_its_values(slack: FakeSlack, api: AsyncWebClient) -> None:
    trigger = slack.command("C1", "U1", "/ask").body["trigger_id"]
    opened = await api.views_open(trigger_id=trigger, view=modal(QUESTION))
    values = {"question": {"words": {"type": "plain_text_input", "value": "why?"}}}
    sent = slack.submit(opened["view"]["id"], "U1", values)
    assert sent.body["type"] == "view_submission"
    assert sent.body["view"]["state"]["values"] == values
    sent.take({"response_action": "errors", "errors": {"question": "No."}})
    assert opened["view"]["id"] in slack.workspace.views
    too_long = api.views_open(trigger_id=trigger, view=modal(title="x" * 25))
    assert await refusal(too_long) == "invalid_arguments"


async def test_the_home_tab_is_published_and_its_controls_pressed(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    slack.open_home("U1")
    view = {"type": "home", "blocks": [actions(BUTTON)]}
    first = (await api.views_publish(user_id="U1", view=view))["view"]
    slack.open_home("U1")
    opened = [one.body["event"] for one in slack.deliveries]
    assert [(one["tab"], one.get("view", {}).get("id")) for one in opened] == [
        ("home", None),
        ("home", first["id"]),
    ]
    pressed = slack.press_in_home("U1", {"action_id": "stop", "value": "7"})
    assert pressed.body["view"]["id"] == first["id"]
    conflict = api.views_publish(user_id="U1", view=view, hash="0.old")
    assert await refusal(conflict) == "hash_conflict"
    many = {"type": "home", "blocks": [{"type": "divider"}] * 101}
    assert await refusal(api.views_publish(user_id="U1", view=many)) == "invalid_blocks"


async def test_a_status_stands_for_two_minutes_or_until_the_bot_speaks(
    slack: FakeSlack, api: AsyncWebClient, clock: HandClock
) -> None:
    root = slack.dm("U1", "hello")
    thread = {"channel_id": root.channel, "thread_ts": root.ts}
    place = (root.channel, root.ts)
    await api.assistant_threads_setStatus(**thread, status="thinks", loading_messages=["a", "b"])
    now = slack.workspace.status(*place)
    assert now is not None
    assert (now.text, now.loading_messages) == ("thinks", ("a", "b"))
    clock.advance(120)
    assert slack.workspace.status(*place) is None
    await api.assistant_threads_setStatus(**thread, status="thinks")
    await api.chat_postMessage(channel=root.channel, thread_ts=root.ts, text="Hello.")
    assert slack.workspace.status(*place) is None
    nowhere = api.assistant_threads_setStatus(
        channel_id=root.channel, thread_ts="1.1", status="thinks"
    )
    assert await refusal(nowhere) == "invalid_thread_ts"


async def test_the_assistant_pane_has_a_thread_with_a_title_and_prompts(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    root = slack.open_assistant("U1", looking_at="C1")
    started = slack.courier.deliveries[0].body["event"]["assistant_thread"]
    assert (started["thread_ts"], started["context"]["channel_id"]) == (root.ts, "C1")
    thread = {"channel_id": root.channel, "thread_ts": root.ts}
    await api.assistant_threads_setTitle(**thread, title="Tea")
    prompts = [{"title": "Green", "message": "Tell me of green tea"}]
    await api.assistant_threads_setSuggestedPrompts(**thread, prompts=prompts)
    await api.assistant_threads_setSuggestedPrompts(channel_id=root.channel, prompts=prompts)
    assert slack.workspace.titles[root.channel, root.ts] == "Tea"
    assert slack.workspace.prompts.keys() == {(root.channel, root.ts), (root.channel, "")}
    five = api.assistant_threads_setSuggestedPrompts(**thread, prompts=prompts * 5)
    assert await refusal(five) == "invalid_arguments"
    in_channel = {"channel_id": "C1", "thread_ts": slack.write("C1", "U1", "x").ts}
    refused = api.assistant_threads_setTitle(**in_channel, title="Tea")
    assert await refusal(refused) == "channel_not_found"


async def test_a_response_url_answers_five_times(slack: FakeSlack) -> None:
    url = slack.command("C1", "U1", "/ask").body["response_url"]
    async with aiohttp.ClientSession() as session:
        given = {"text": "Here.", "response_type": "in_channel"}
        for number in range(6):
            async with session.post(url, json=given) as answer:
                assert answer.status == (200 if number < 5 else 404)
    assert [one.now.text for one in slack.replies("C1")] == ["Here."] * 5


async def test_only_one_person_sees_an_ephemeral_message(
    slack: FakeSlack, api: AsyncWebClient
) -> None:
    await api.chat_postEphemeral(channel="C1", user="U1", text="psst")
    seen = [(one.user, one.version.text) for one in slack.workspace.ephemerals]
    assert (seen, slack.messages("C1")) == ([("U1", "psst")], [])
    nobody = api.chat_postEphemeral(channel="C1", user="UNOBODY", text="psst")
    assert await refusal(nobody) == "user_not_in_channel"


async def test_reactions_come_off_again(slack: FakeSlack, api: AsyncWebClient) -> None:
    theirs = slack.write("C1", "U1", "hello")
    here = {"channel": "C1", "timestamp": theirs.ts, "name": "eyes"}
    await api.reactions_add(**here)
    await api.reactions_remove(**here)
    assert theirs.reactions == []
    assert await refusal(api.reactions_remove(**here)) == "no_reaction"
