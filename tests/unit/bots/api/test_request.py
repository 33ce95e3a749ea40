import json

import pytest

from bots.api.request import parse_request, request_schema
from bots.http.failures import Refused
from inference.api import ChatMessage, Sampling

HI = {"messages": [{"role": "user", "content": "hi"}]}


def parse(**fields):
    return parse_request(json.dumps(HI | fields).encode())


def refused(raw):
    with pytest.raises(Refused) as error:
        parse_request(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert error.value.status == 400
    assert error.value.sentence.endswith(".")
    return error.value


def test_all_that_a_client_may_set_arrives():
    request = parse(
        temperature=0,
        top_p=0.5,
        max_completion_tokens=7,
        max_tokens=9,
        seed=3,
        stop=["a", "b"],
        stream=True,
        stream_options={"include_usage": True},
        n=1,
        model="whatever",
        user="someone",
        something_new={"x": 1},
    )
    assert request.sampling() == Sampling(0.0, 0.5, 7, 3, ("a", "b"))
    assert request.include_usage


def test_what_is_not_set_is_left_to_the_profile():
    assert parse().sampling() == Sampling()
    assert parse(stop=None, temperature=None, stream=None).sampling() == Sampling()


def test_a_single_stop_and_parts_of_text():
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "be brief"}, {"role": "user", "content": content}]
    request = parse(messages=messages, stop="x")
    assert request.chat() == [ChatMessage("system", "be brief"), ChatMessage("user", "a\nb")]
    assert request.sampling().stop == ("x",)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "a\0"}]}, "messages.0.content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "video", "text": ""}]}]},
            "messages.0.content.0.type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.content.0.image_url.url",
        ),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"seed": 2**53}, "seed"),
        ({"n": 2}, "n"),
        ({"stop": [""]}, "stop.0"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_value_that_can_not_be_used_is_refused_by_name(fields, param):
    error = refused(HI | fields)
    assert error.param == param
    assert param in error.sentence


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"[" * 200_000),
        b'{"messages": NaN}',
        b'{"messages":[{"role":"user","content":"\\ud800"}]}',
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(raw):
    refused(raw)


def test_the_schema_stands_alone():
    assert "$ref" not in json.dumps(request_schema())
