"""Tool calls in our own form: how a model is told of them, held to them, and read."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from inference import tool_calls
from inference.api import OutputFormat, Sampling, Tool
from inference.tool_calls import BEGIN, END, CallReader, structural_tag

LOOK = Tool("look", "Looks somewhere.", '{"type": "object", "properties": {"at": {}}}')
FIND = Tool("find")
ANSWER = (
    'Let me see. 🚀 <tool_call>{"name": "look", "arguments": {"at": "</tool_call> 你好"}}'
    '</tool_call>\n<tool_call>{"name": "find", "arguments": {}}</tool_call>'
)


def read(pieces, *, or_form=False):
    """The whole text, and the names and the arguments of the calls."""
    reader = CallReader(or_form)
    found = [*(reader.read(piece) for piece in pieces), reader.end()]
    text = "".join(one.text for one in found)
    return text, [(call.name, call.arguments) for one in found for call in one.calls]


def cut(text, places):
    ends = [0, *sorted(places), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(ends)]


@given(st.lists(st.integers(0, len(ANSWER)), max_size=6))
def test_text_and_calls_are_told_apart_wherever_pieces_are_cut(places):
    text, calls = read(cut(ANSWER, places))
    assert text == "Let me see. 🚀 "
    assert calls == [("look", '{"at": "</tool_call> 你好"}'), ("find", "{}")]


FORMED = f'{{"how": "Write {BEGIN} and {END}", "then": "{BEGIN}"}}'
ONLY_CALLS = ANSWER[ANSWER.index(BEGIN) :]


@given(st.lists(st.integers(0, len(FORMED)), max_size=6))
def test_an_answer_of_a_form_is_shown_whole_with_the_marks_in_its_strings(places):
    assert read(cut(FORMED, places), or_form=True) == (FORMED, [])


@given(st.lists(st.integers(0, len(ONLY_CALLS)), max_size=6))
def test_where_an_answer_may_have_a_form_calls_are_still_found(places):
    text, calls = read(cut(ONLY_CALLS, places), or_form=True)
    assert text == ""
    assert [name for name, _ in calls] == ["look", "find"]


def test_a_form_that_begins_as_a_call_does_is_shown_whole():
    assert read(["<", "tool_cake>"], or_form=True) == ("<tool_cake>", [])
    assert read(["<tool"], or_form=True) == ("<tool", [])


@given(st.text("<tol_ca>x"))
def test_what_calls_nothing_is_shown_whole(text):
    if BEGIN not in text:
        assert read(list(text)) == (text, [])


def test_no_beginning_of_a_call_is_shown_before_it_is_known_to_be_none():
    reader = CallReader()
    assert reader.read("So <tool").text == "So "
    assert reader.read("box>").text == "<toolbox>"


def test_a_call_that_was_cut_off_is_none_and_no_text():
    assert read([ANSWER[:60]]) == ("Let me see. 🚀 ", [])


def test_each_mark_inside_a_call_is_looked_at_once(monkeypatch):
    looked: list[str] = []

    def noted(text):
        looked.append(text)
        return plain(text)

    plain = tool_calls._is_json
    monkeypatch.setattr(tool_calls, "_is_json", noted)
    written = f'{BEGIN}{{"name": "look", "arguments": {{"at": "{END * 20}"}}}}{END}'
    assert read(list(written))[1] == [("look", f'{{"at": "{END * 20}"}}')]
    assert len(looked) == 21


def test_each_call_has_an_id_of_its_own():
    reader = CallReader()
    first, second = reader.read(ANSWER).calls
    assert first.id != second.id


def form(**chosen):
    return json.loads(structural_tag(Sampling(**chosen)))["format"]


def test_the_grammar_says_what_must_be_and_what_may_be():
    tools = (LOOK, FIND)
    auto = form(tools=tools)
    assert (auto["type"], auto["triggers"], len(auto["tags"])) == ("triggered_tags", [BEGIN], 2)
    required = form(tools=tools, tool_choice="required")
    assert (required["type"], required["at_least_one"]) == ("tags_with_separator", True)
    assert not required["stop_after_first"]
    assert form(tools=tools, tool_choice="required", parallel_tool_calls=False)["stop_after_first"]
    named = form(tools=tools, tool_choice="find")
    assert [tag["begin"] for tag in named["tags"]] == [f'{BEGIN}{{"name": "find", "arguments": ']
    assert named["stop_after_first"]


def test_where_the_answer_has_a_form_it_is_that_or_calls():
    wanted = OutputFormat("choice", choices=("yes", "no"))
    calls, said = form(tools=(LOOK,), format=wanted)["elements"]
    assert calls["at_least_one"]
    assert [one["value"] for one in said["elements"]] == ["yes", "no"]
