"""What an answer may look like is refused at the door where no engine could compile it in time."""

import json

import pytest

from inference.output_format import (
    MOST_PROPERTIES,
    MOST_SCHEMA_DEPTH,
    InvalidSampling,
    OutputFormat,
    Tool,
    check_schema,
    check_tools,
)


def schema(**fields: object) -> OutputFormat:
    return OutputFormat("json_schema", json.dumps(fields))


def nested(levels: int) -> dict[str, object]:
    made: dict[str, object] = {"type": "string"}
    for _ in range(levels):
        made = {"type": "array", "items": made}
    return made


def test_a_usual_schema_is_taken_and_its_order_is_kept():
    text = '{"type": "object", "properties": {"zebra": {"maxLength": 100}, "ape": {}}}'
    assert OutputFormat("json_schema", text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "[" * 100_000,
        json.dumps(nested(MOST_SCHEMA_DEPTH + 1)),
        json.dumps({"enum": ["x" * 70_000]}),
        '{"enum": ["\\u0000"]}',
        '{"\\u0000": 1}',
        '{"maximum": NaN}',
        '{"maximum": 1e999}',
        '{"type": "string", "maxLength": 1001}',
        '{"type": "array", "minItems": 1e9}',
        '{"type": "string", "pattern": "a{1, 2000}"}',
        json.dumps({"enum": [{"maxLength": number} for number in range(400, 1000)]}),
        json.dumps({"anyOf": [{"pattern": "[^a]" * 600}, {"pattern": "[^b]" * 600}]}),
        '{"type": "object", "patternProperties": {"^(.{60000})$": {}}}',
    ],
)
def test_a_schema_that_is_none_or_too_much_is_refused_in_a_sentence(text):
    with pytest.raises(InvalidSampling) as refused:
        OutputFormat("json_schema", text)
    assert refused.value.field == "format"
    assert str(refused.value).endswith(".")


def test_the_deepest_schema_that_is_allowed_is_taken():
    assert schema(**nested(MOST_SCHEMA_DEPTH - 1))


def test_many_fields_of_the_same_length_are_one_thing_to_compile():
    fields = {f"field{number}": {"type": "string", "maxLength": 900} for number in range(200)}
    assert schema(type="object", properties=fields)


def test_an_object_of_very_many_properties_is_refused_wherever_it_stands():
    def wide(count: int) -> dict[str, object]:
        return {"type": "object", "properties": {f"field{number}": {} for number in range(count)}}

    assert schema(**wide(MOST_PROPERTIES))
    for made in (wide(MOST_PROPERTIES + 1), {"$defs": {"wide": wide(MOST_PROPERTIES + 1)}}):
        with pytest.raises(InvalidSampling, match="at most 500 properties"):
            schema(**made)


@pytest.mark.parametrize(
    "made",
    [
        ("regex", ""),
        ("regex", "a" * 5000),
        ("regex", "(a{1,1000}){1,1001}"),
        ("regex", ".{999}.{999}.{999}"),
        pytest.param(("regex", "a{" + "1" * 4_000 + "}"), id="regex of 4,000 digits"),
        pytest.param(
            ("grammar", "root ::= [a]{" + "1" * 5_000 + "}"), id="grammar of 5,000 digits"
        ),
        ("regex", "\0"),
        ("grammar", "  "),
        ("grammar", "x" * 20_000),
        ("choice", "", ()),
        ("choice", "", ("yes", "")),
        ("choice", "", tuple(map(str, range(1001)))),
    ],
)
def test_a_pattern_a_grammar_or_choices_that_are_none_or_too_much_are_refused(made):
    with pytest.raises(InvalidSampling) as refused:
        OutputFormat(*made)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "auto", "required", "a\n"])
def test_a_tool_has_a_name_that_a_model_can_write(name):
    with pytest.raises(InvalidSampling) as refused:
        Tool(name)
    assert refused.value.field == "tools"


def test_a_tools_parameters_are_an_objects():
    with pytest.raises(InvalidSampling, match="schema of an object"):
        Tool("look", parameters='{"type": "array"}')
    assert check_schema("tools", Tool("look").parameters)["properties"] == {}


def test_many_tools_are_together_no_more_than_one_schema_may_be():
    long = [
        Tool(f"tool{number}", parameters=json.dumps({"properties": {"a": {"maxLength": number}}}))
        for number in range(900, 910)
    ]
    check_tools(tuple(long[:2]), "auto")
    with pytest.raises(InvalidSampling, match="all together"):
        check_tools(tuple(long), "auto")
