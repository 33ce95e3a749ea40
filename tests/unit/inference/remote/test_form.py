"""What an endpoint is sent, and what is read of its answers."""

import pytest

from inference.api import ChatMessage, Delta, OutputFormat, Sampling, TokenLogprob, Tool, ToolCall
from inference.errors import BadGrammar, EngineError, ProfileRefused
from inference.remote.errors import refuse_bad_status
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


def test_an_endpoint_that_refuses_a_form_is_a_bad_grammar_and_else_an_error():
    with pytest.raises(BadGrammar, match="400"):
        refuse_bad_status(400, held=True)
    with pytest.raises(EngineError) as refused:
        refuse_bad_status(400)
    assert refused.value.code == "engine_error"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_says_what_to_set(status):
    with pytest.raises(ProfileRefused, match="set OUTRIDER_ENGINE__BASE_URL"):
        refuse_bad_status(status)


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


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_endpoint_gave_up_has_no_ending(reason):
    reader = ChunkReader()
    reader.read({"choices": [{"delta": {"content": "So"}, "finish_reason": reason}]})
    assert reader.reason is None
