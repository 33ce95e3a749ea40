import json

import pytest

from bots.api.request import parse_request, request_schema
from bots.http.failures import Refused
from inference.api import ChatMessage, OutputFormat, Sampling, ToolCall

HI = {"messages": [{"role": "user", "content": "hi"}]}


def parse(**fields):
    return parse_request(json.dumps(HI | fields).encode())


def refused(raw):
    with pytest.raises(Refused) as error:
        parse_request(raw if isinstance(raw, bytes) else json.dumps(raw).encode())
    assert error.value.status == 400
    assert error.value.sentence.endswith(".")
    return error.value


def said_called(id="c1", name="look", arguments="{}"):
    function = {"name": name, "arguments": arguments}
    call = {"id": id, "type": "function", "function": function}
    return {"messages": [{"role": "assistant", "tool_calls": [call]}]}


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
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages.0.tool_calls.0.id"),
        (said_called(id="c\0"), "messages.0.tool_calls.0.id"),
        (said_called(name="look\0"), "messages.0.tool_calls.0.function.name"),
        (said_called(arguments="\0"), "messages.0.tool_calls.0.function.arguments"),
        ({"frequency_penalty": 2.1}, "frequency_penalty"),
        ({"presence_penalty": -3}, "presence_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"top_k": -2}, "top_k"),
        ({"min_p": 1.5}, "min_p"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"logprobs": 3}, "logprobs"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"structured_outputs": {"json_object": False}}, "structured_outputs.json_object"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
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


LOOK = {"type": "function", "function": {"name": "look"}}
NAMED = {"type": "function", "function": {"name": "find"}}
SCHEMA = {"type": "object", "properties": {"zebra": {}, "ape": {}}}


def json_schema(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"tools": [LOOK, LOOK]}, "tools"),
        ({"tools": [LOOK], "tool_choice": NAMED}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": json_schema({"maxLength": 10**6})}, "response_format"),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs"),
        (
            {"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}},
            "structured_outputs",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused_by_name(fields, param):
    with pytest.raises(Refused) as error:
        parse(**fields).sampling()
    assert (error.value.status, error.value.param) == (400, param)
    assert error.value.sentence.startswith(f"{param}: ")


def test_the_form_of_an_answer_arrives_in_its_order():
    wanted = parse(response_format=json_schema(SCHEMA)).sampling().format
    assert wanted == OutputFormat("json_schema", json.dumps(SCHEMA), name="answer")
    assert parse(response_format={"type": "text"}).sampling().format is None
    said = parse(structured_outputs={"choice": ["yes", "no"]}).sampling().format
    assert said == OutputFormat("choice", choices=("yes", "no"))
    held = OutputFormat("json_schema", json.dumps(SCHEMA), strict=True)
    assert parse(structured_outputs={"json": SCHEMA}).sampling().format == held


def test_what_is_said_of_a_schema_and_of_a_tool_arrives():
    said = {"name": "animal", "description": "One of a zoo.", "strict": True}
    asked = {"type": "json_schema", "json_schema": {"schema": SCHEMA, **said}}
    wanted = parse(response_format=asked).sampling().format
    assert wanted == OutputFormat("json_schema", json.dumps(SCHEMA), **said)
    strict = {"type": "function", "function": {"name": "find", "strict": True}}
    tools = parse(tools=[LOOK, strict]).sampling().tools
    assert [(tool.name, tool.strict) for tool in tools] == [("look", False), ("find", True)]


@pytest.mark.parametrize("said", [{"name": "a\0"}, {"description": "\0"}])
def test_what_could_not_be_stored_of_a_schema_is_refused(said):
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, **said}}
    with pytest.raises(Refused) as error:
        parse(response_format=asked).sampling()
    assert error.value.param == "response_format"


def test_tools_and_logprobs_arrive():
    asked = parse(
        tools=[LOOK], tool_choice="required", parallel_tool_calls=False, logprobs=True
    ).sampling()
    assert [tool.name for tool in asked.offered] == ["look"]
    assert (asked.tool_choice, asked.parallel_tool_calls, asked.logprobs) == ("required", False, 0)
    assert parse(logprobs=True, top_logprobs=5).sampling().logprobs == 5
    assert parse(logprobs=False).sampling().logprobs is None


def test_calls_and_results_are_messages():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "Here."}]},
    ]
    assert parse(messages=messages).chat()[1:] == [
        ChatMessage("assistant", "", tool_calls=(ToolCall("c1", "look", "{}"),)),
        ChatMessage("tool", "Here.", tool_call_id="c1"),
    ]


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
