"""How a model is told of its tools, in our form and in Python's."""

from inference.api import ChatMessage, Tool, ToolCall
from inference.tool_calls import BEGIN, END
from inference.tool_prompt import PYTHONIC, speakable, told

LOOK = Tool("look", "Looks somewhere.", '{"type": "object", "properties": {"at": {}}}')
FIND = Tool("find")


def test_the_tools_stand_in_the_system_message_and_results_are_told():
    call = ToolCall("c1", "look", '{"at": "home"}')
    shown = told(
        [
            ChatMessage("system", "Be kind."),
            ChatMessage("user", "Where?"),
            ChatMessage("assistant", "", tool_calls=(call,)),
            ChatMessage("tool", "Nothing.", tool_call_id="c1"),
            ChatMessage("tool", "Nobody.", tool_call_id="c2"),
        ],
        [LOOK, FIND],
    )
    assert [one.role for one in shown] == ["system", "user", "assistant", "user"]
    assert shown[0].content.startswith("Be kind.\n\n")
    assert '"name": "find"' in shown[0].content
    assert shown[2].content == f'{BEGIN}{{"name": "look", "arguments": {{"at": "home"}}}}{END}'
    assert shown[3].content == "Result of look:\nNothing.\n\nResult of the function:\nNobody."


def test_without_tools_nothing_is_told_of_them():
    messages = [ChatMessage("user", "Hi")]
    assert told(messages, []) == messages
    assert told(messages, [LOOK])[0].role == "system"


def test_in_pythons_form_calls_are_written_as_they_are_read():
    calls = (
        ToolCall(
            "c1", "look", '{"at": "L\\u00e9on\'s", "far": true, "how": [1, null, {"a": -2.5}]}'
        ),
        ToolCall("c2", "find", "{}"),
    )
    shown = told(
        [
            ChatMessage("user", "Where?"),
            ChatMessage("assistant", "", tool_calls=calls),
            ChatMessage("tool", "Nothing.", tool_call_id="c1"),
            ChatMessage("tool", "Nobody.", tool_call_id="c2"),
        ],
        [LOOK, FIND],
        PYTHONIC,
    )
    assert [one.role for one in shown] == ["system", "user", "assistant", "tool"]
    assert '"name": "look"' in shown[0].content
    assert "JSON" not in shown[0].content
    said = """[look(at="Léon's", far=True, how=[1, None, {'a': -2.5}]), find()]"""
    assert shown[2].content == said
    assert shown[3].content == "Result of look:\nNothing.\n\nResult of find:\nNobody."


def test_a_name_that_python_does_not_know_can_not_be_spoken():
    assert speakable(LOOK) and speakable(FIND)
    assert not speakable(Tool("get-weather"))
    assert not speakable(Tool("import"))
    assert not speakable(Tool("change", "", '{"properties": {"from": {}, "to": {}}}'))
    assert not speakable(Tool("_hidden"))
