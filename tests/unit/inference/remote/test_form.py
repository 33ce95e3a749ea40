"""What an endpoint is sent, and what is read of its answers."""

import pytest

from inference.api import ChatMessage, Delta, OutputFormat, Sampling, TokenLogprob, Tool, ToolCall
from inference.errors import (
    BadGrammar,
    EngineUnavailable,
    ProfileRefused,
    PromptTooLong,
    SamplingRefused,
)
from inference.remote.errors import Refusal, refuse
from inference.remote.form import ChunkReader, request_body

HI = [ChatMessage("user", "hi")]
LOOK = Tool("look", "Looks.", '{"type": "object", "properties": {"zebra": {}, "ape": {}}}')


def body(**sampling):
    return request_body("model", HI, Sampling(**sampling))


def test_only_what_was_chosen_is_sent():
    assert body() == {
        "model": "model",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert (
        body(top_k=5, min_p=0.1, frequency_penalty=1.0).items()
        >= {
            "top_k": 5,
            "min_p": 0.1,
            "frequency_penalty": 1.0,
        }.items()
    )


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("look", {"type": "function", "function": {"name": "look"}}),
    ],
)
def test_tools_are_sent_with_their_schema_in_its_order(choice, sent):
    made = body(tools=(LOOK,), tool_choice=choice, parallel_tool_calls=False)
    assert made["tool_choice"] == sent
    assert made["parallel_tool_calls"] is False
    function = made["tools"][0]["function"]
    assert (function["name"], function["description"]) == ("look", "Looks.")
    assert [*function["parameters"]["properties"]] == ["zebra", "ape"]


@pytest.mark.parametrize(
    ("wanted", "field", "value"),
    [
        (OutputFormat("json_object"), "response_format", {"type": "json_object"}),
        (OutputFormat("regex", "a+"), "structured_outputs", {"regex": "a+"}),
        (OutputFormat("choice", choices=("a", "b")), "structured_outputs", {"choice": ["a", "b"]}),
        (
            OutputFormat("grammar", 'root ::= "a"'),
            "structured_outputs",
            {"grammar": 'root ::= "a"'},
        ),
    ],
)
def test_a_form_is_sent_in_the_field_that_knows_it(wanted, field, value):
    assert body(format=wanted)[field] == value


def test_a_json_schema_is_sent_as_openai_wants_it():
    sent = body(format=OutputFormat("json_schema", LOOK.parameters))["response_format"]
    assert sent["type"] == "json_schema"
    assert [*sent["json_schema"]["schema"]["properties"]] == ["zebra", "ape"]
    assert sent["json_schema"].keys() == {"name", "schema"}


def test_what_the_caller_said_of_a_schema_is_passed_on():
    said = {"name": "animal", "description": "One of a zoo.", "strict": True}
    sent = body(format=OutputFormat("json_schema", LOOK.parameters, **said))["response_format"]
    assert sent["json_schema"].items() >= said.items()


@pytest.mark.parametrize("strict", [True, False])
def test_a_tool_is_strict_where_the_caller_wants_it(strict):
    sent = body(tools=(Tool("look", "", LOOK.parameters, strict),))["tools"][0]["function"]
    assert sent.get("strict", False) is strict


def test_logprobs_are_asked_for():
    assert body(logprobs=0).items() >= {"logprobs": True, "top_logprobs": 0}.items()


def test_calls_and_results_are_sent():
    call = ToolCall("c1", "look", "{}")
    messages = [
        ChatMessage("assistant", "So:", tool_calls=(call,)),
        ChatMessage("tool", "Here.", tool_call_id="c1"),
    ]
    first, second = request_body("model", messages, Sampling())["messages"]
    function = {"name": "look", "arguments": "{}"}
    assert first["tool_calls"] == [{"id": "c1", "type": "function", "function": function}]
    assert second == {"role": "tool", "content": "Here.", "tool_call_id": "c1"}


def chunk(reason=None, logprobs=None, stop_reason=None, **delta):
    choice = {"delta": delta, "finish_reason": reason, "logprobs": logprobs}
    return {"choices": [choice | {"stop_reason": stop_reason}]}


def test_calls_that_come_in_pieces_are_put_together():
    reader = ChunkReader()
    for index, piece in (
        (1, {"id": "b", "function": {"name": "find", "arguments": ""}}),
        (0, {"id": "a", "function": {"name": "look"}}),
        (0, {"function": {"arguments": '{"at":'}}),
        (0, {"function": {"arguments": ' "home"}'}}),
    ):
        assert reader.read(chunk(tool_calls=[{"index": index, **piece}])) is None
    assert reader.read(chunk("tool_calls")) is None
    assert reader.reason == "tool_calls"
    assert reader.calls() == (
        ToolCall("a", "look", '{"at": "home"}'),
        ToolCall("b", "find", "{}"),
    )


def test_a_call_without_an_id_gets_one():
    reader = ChunkReader()
    reader.read(chunk(tool_calls=[{"index": 0, "function": {"name": "look"}}]))
    assert reader.calls()[0].id.startswith("call_")


def test_text_and_probabilities_are_read():
    likely = {"token": "Hi", "logprob": -0.5, "bytes": None}
    given = {"content": [{**likely, "top_logprobs": [likely]}]}
    reader = ChunkReader()
    assert reader.read(chunk(content="Hi", logprobs=given)) == Delta(
        "Hi", logprobs=(TokenLogprob("Hi", -0.5, (("Hi", -0.5),)),)
    )
    reader.read(chunk("stop", stop_reason="\n"))
    assert (reader.reason, reader.stop_reason) == ("stop", "\n")


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal(400, "context_length_exceeded", "messages"), PromptTooLong),
        (Refusal(400, "", "input_tokens"), PromptTooLong),
        (Refusal(400, "", "response_format"), BadGrammar),
        (Refusal(400, "", "tools[0].function.parameters"), BadGrammar),
        (Refusal(400, "array_above_max_length", "tools"), SamplingRefused),
        (Refusal(400, "", "temperature"), SamplingRefused),
        (Refusal(400), SamplingRefused),
        (Refusal(413), SamplingRefused),
        (Refusal(422), SamplingRefused),
        (Refusal(408), EngineUnavailable),
    ],
)
def test_a_refusal_is_told_by_its_code_and_by_the_field_that_it_names(refusal, error):
    with pytest.raises(error) as refused:
        refuse(refusal)
    assert type(refused.value) is error
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_says_what_to_set(status):
    with pytest.raises(ProfileRefused, match="set OUTRIDER_ENGINE__BASE_URL"):
        refuse(Refusal(status))


@pytest.mark.parametrize("index", [{"index": 0}, {}])
def test_calls_under_one_index_are_told_apart_by_their_ids(index):
    reader = ChunkReader()
    pieces = [
        {"id": "a", "function": {"name": "look", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "b", "function": {"name": "look", "arguments": "{}"}},
        {"id": "b", "function": {"arguments": " "}},
    ]
    for piece in pieces:
        reader.read({"choices": [{"delta": {"tool_calls": [index | piece]}}]})
    assert reader.calls() == (ToolCall("a", "look", "{}"), ToolCall("b", "look", "{} "))


def test_what_the_endpoint_filters_ends_so_and_what_the_model_declines_is_said():
    reader = ChunkReader()
    assert reader.read(chunk(content="So ")) == Delta("So ")
    assert reader.read(chunk("content_filter", refusal="I can't.")) == Delta("I can't.")
    assert reader.reason == "content_filter"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_endpoint_gave_up_has_no_ending(reason):
    reader = ChunkReader()
    reader.read({"choices": [{"delta": {"content": "So"}, "finish_reason": reason}]})
    assert reader.reason is None
