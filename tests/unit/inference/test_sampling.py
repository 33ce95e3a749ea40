import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.api import InvalidSampling, OutputFormat, Sampling, Tool
from inference.sampling import sampling_read, sampling_written

LOOK, FIND = Tool("look"), Tool("find", "Finds.", '{"properties": {"b": {}, "a": {}}}', True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 2.1),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "1"),
        ("temperature", True),
        ("top_p", 0),
        ("top_p", 1.1),
        ("min_p", 2),
        ("top_k", -2),
        ("top_k", 1.5),
        ("frequency_penalty", 3),
        ("presence_penalty", -3),
        ("repetition_penalty", 0),
        ("repetition_penalty", float("inf")),
        ("max_tokens", 0),
        ("max_tokens", 2**31),
        ("seed", 2**60),
        ("logprobs", 21),
        ("logprobs", -1),
        ("stop", ("",)),
        ("stop", ("x" * 300,)),
        ("stop", ("x",) * 17),
        ("stop", ("a\0",)),
        ("tools", (LOOK, LOOK)),
        ("tool_choice", "required"),
        ("tool_choice", "look"),
    ],
)
def test_an_absurd_value_is_refused_by_its_name_in_a_sentence(field, value):
    with pytest.raises(InvalidSampling) as refused:
        Sampling(**{field: value})
    assert refused.value.field == field
    assert str(refused.value).endswith(".")


def test_a_number_without_end_is_not_repeated_without_end():
    with pytest.raises(InvalidSampling) as refused:
        Sampling(seed=10**3000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 3},
        {"frequency_penalty": 0.5},
        {"presence_penalty": 0.5},
        {"logprobs": 0},
        {"format": OutputFormat("json_object")},
        {"tools": (LOOK,)},
    ],
)
def test_what_a_prefix_would_change_begins_again(changed):
    assert not Sampling(**changed).resumable


def test_plain_text_goes_on_from_its_tokens():
    assert Sampling(temperature=0.7, top_k=5, repetition_penalty=1.1, stop=("x",)).resumable
    assert Sampling(tools=(LOOK,), tool_choice="none").resumable


def test_a_named_tool_is_the_only_one_that_is_offered():
    tools = (LOOK, FIND)
    assert Sampling(tools=tools).offered == tools
    assert not Sampling(tools=tools).must_call
    named = Sampling(tools=tools, tool_choice="find")
    assert (named.offered, named.must_call) == ((FIND,), True)
    none = Sampling(tools=tools, tool_choice="none")
    assert (none.offered, none.must_call) == ((), False)


def test_only_what_was_chosen_is_written():
    assert sampling_written(Sampling()) == {}
    assert sampling_written(Sampling(seed=0, stop=("x",))) == {"seed": 0, "stop": ("x",)}


FORMATS = st.one_of(
    st.none(),
    st.just(OutputFormat("json_object")),
    st.builds(
        lambda one: OutputFormat("choice", choices=tuple(one)),
        st.lists(st.text("aé🚀", min_size=1), min_size=1, max_size=3),
    ),
    st.builds(
        OutputFormat,
        st.just("json_schema"),
        st.just('{"properties": {"zebra": {}, "ape": {}}}'),
        name=st.sampled_from(["", "animal"]),
        strict=st.booleans(),
    ),
)


@given(
    st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 2),
        max_tokens=st.none() | st.integers(1, 99),
        stop=st.lists(st.text("ab", min_size=1), max_size=3).map(tuple),
        logprobs=st.none() | st.integers(0, 20),
        format=FORMATS,
        tools=st.sampled_from([(), (LOOK,), (LOOK, FIND)]),
        tool_choice=st.sampled_from(["none", "auto"]),
        parallel_tool_calls=st.booleans(),
    )
)
def test_what_was_written_is_read_as_it_was(sampling):
    assert sampling_read(json.loads(json.dumps(sampling_written(sampling)))) == sampling


def test_what_an_earlier_version_wrote_is_read():
    written = {"temperature": None, "top_p": 0.5, "max_tokens": 7, "seed": None, "stop": ["a"]}
    assert sampling_read(written) == Sampling(top_p=0.5, max_tokens=7, stop=("a",))


def test_what_was_written_before_anybody_could_be_strict_is_read_and_so_the_other_way():
    tool = {"name": "look", "description": "", "parameters": LOOK.parameters}
    made = {"kind": "json_schema", "text": "{}", "choices": []}
    read = sampling_read({"tools": [tool], "format": made})
    assert read == Sampling(tools=(LOOK,), format=OutputFormat("json_schema", "{}"))
    assert sampling_written(read)["tools"] == (tool,)
