import json

import pytest

from assistant.errors import StorageUnavailable
from assistant.messages import ReplyDelta
from bots.api.completion import Head, chunks, collect
from bots.http.failures import Refused
from inference.api import TokenLogprob, ToolCall

HEAD = Head("chatcmpl-1", 5, "m")


async def stream(*deltas):
    for delta in deltas:
        if isinstance(delta, Exception):
            raise delta
        yield delta


def last(text="", offset=0, attempt=1, state="done", **fields):
    return ReplyDelta(1, attempt, offset, text, state, **fields)


async def sent(*deltas, include_usage=False):
    events = [event async for event in chunks(stream(*deltas), HEAD, include_usage)]
    return [
        text if text == "[DONE]" else json.loads(text)
        for text in (event.removeprefix("data: ").strip() for event in events)
    ]


def text_of(events):
    return "".join(
        choice["delta"].get("content", "")
        for event in events
        if event != "[DONE]"
        for choice in event.get("choices", [])
    )


async def test_a_stream_ends_with_its_reason_its_usage_and_done():
    *head, end, usage, done = await sent(
        ReplyDelta(1, 1, 0, "Hello"),
        last(" you", 5, prompt_tokens=3, output_tokens=2, finish_reason="length", cached_tokens=1),
        include_usage=True,
    )
    assert text_of(head) == "Hello you"
    assert head[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert end["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert done == "[DONE]"


async def test_usage_is_not_sent_unasked():
    assert not any("usage" in event for event in (await sent(last("x")))[:-1])


async def test_a_later_attempt_that_repeats_itself_is_sent_once():
    events = await sent(
        ReplyDelta(1, 1, 0, "The capital"), ReplyDelta(1, 2, 4, "cap"), last("ital is", 7, 2)
    )
    assert text_of(events) == "The capital is"
    assert events[-1] == "[DONE]"


async def test_a_later_attempt_that_contradicts_is_an_error_not_a_wrong_text():
    events = await sent(ReplyDelta(1, 1, 0, "The capital is Lyon"), last("Paris", 15, 2))
    assert text_of(events) == "The capital is Lyon"
    assert events[-1]["error"]["code"] == "interrupted"
    shorter = await sent(ReplyDelta(1, 1, 0, "The capital"), last("", 4, 2))
    assert shorter[-1]["error"]["code"] == "interrupted"


@pytest.mark.parametrize(
    "trouble", [StorageUnavailable(), last("", 2, state="failed", error="No.")]
)
async def test_trouble_in_mid_stream_is_an_error_event(trouble):
    events = await sent(ReplyDelta(1, 1, 0, "He"), trouble)
    assert text_of(events) == "He"
    assert events[-1]["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    ("code", "status", "public"),
    [
        ("prompt_too_long", 400, "context_length_exceeded"),
        ("engine_overloaded", 429, "engine_overloaded"),
        ("engine_unavailable", 503, "engine_unavailable"),
        ("", 500, "failed"),
    ],
)
async def test_a_failed_turn_has_its_status(code, status, public):
    with pytest.raises(Refused) as refused:
        await collect(stream(last(state="failed", error="No.", error_code=code)), HEAD)
    assert (refused.value.status, refused.value.code) == (status, public)
    assert refused.value.sentence == "No."
    assert (status in (429, 503)) == ("retry-after" in (refused.value.headers or {}))


async def test_a_stopped_turn_keeps_what_was_said():
    completion = await collect(stream(last("half", state="stopped")), HEAD)
    assert completion.choices[0].message.content == "half"
    assert completion.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stored", ["content_filter", "blocked"])
async def test_an_answer_that_was_filtered_or_a_topic_that_is_blocked_says_so(stored):
    completion = await collect(stream(last("No.", finish_reason=stored)), HEAD)
    assert completion.choices[0].finish_reason == "content_filter"


CALL = ToolCall("call_1", "look", '{"at": "home"}')


async def test_calls_come_with_the_end_of_a_stream():
    end = last(finish_reason="tool_calls", tool_calls=(CALL,), stop_reason=7)
    *_, called, ending, done = await sent(end)
    (piece,) = called["choices"][0]["delta"]["tool_calls"]
    assert piece == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "home"}'},
        "index": 0,
    }
    assert ending["choices"][0]["finish_reason"] == "tool_calls"
    assert ending["choices"][0]["stop_reason"] == 7
    assert done == "[DONE]"


async def test_a_whole_answer_that_only_calls_has_no_content():
    end = last(finish_reason="tool_calls", tool_calls=(CALL,))
    choice = (await collect(stream(end), HEAD)).choices[0]
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
    assert choice.message.tool_calls[0].function.name == "look"
    plain = (await collect(stream(last("")), HEAD)).choices[0]
    assert (plain.message.content, plain.message.tool_calls) == ("", None)


async def test_text_and_calls_may_come_together():
    end = last("", 3, finish_reason="tool_calls", tool_calls=(CALL,))
    completion = await collect(stream(ReplyDelta(1, 1, 0, "So:"), end), HEAD)
    assert completion.choices[0].message.content == "So:"
    assert len(completion.choices[0].message.tool_calls) == 1


async def test_probabilities_are_only_taken_from_an_answer_that_is_complete():
    taken = []

    async def take():
        taken.append(True)
        return [TokenLogprob("é", -0.5, (("é", -0.5), ("", -9999.0)))]

    with pytest.raises(Refused):
        await collect(stream(last(state="failed", error="No.")), HEAD, take)
    assert taken == []
    (one,) = (await collect(stream(last("é")), HEAD, take)).choices[0].logprobs.content
    assert (one.token, one.bytes, one.logprob) == ("é", [195, 169], -0.5)
    assert one.top_logprobs[1].bytes == []
