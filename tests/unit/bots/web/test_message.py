import json

import pytest

from assistant.messages import ChatRef
from bots.http.failures import Refused
from bots.web.message import parse_message

CHAT = ChatRef("web", "default", "c" * 64)
LONGEST = 1000


def body(**fields):
    return json.dumps({"text": "hi", "client_id": "0123456789"} | fields).encode()


def refusal(raw):
    with pytest.raises(Refused) as refused:
        parse_message(raw, CHAT, LONGEST)
    assert refused.value.sentence.endswith(".")
    return refused.value.status


def test_a_message_is_the_same_when_it_is_sent_again_and_another_in_another_chat():
    message = parse_message(body(text="  hello \n"), CHAT, LONGEST)
    assert message.text == "hello"
    assert message == parse_message(body(text="hello"), CHAT, LONGEST)
    other = parse_message(body(), ChatRef("web", "default", "d" * 64), LONGEST)
    assert other.event_id != message.event_id


def test_the_longest_message_goes_in_whatever_its_characters():
    for character in "a", "é", "😀":
        assert parse_message(body(text=character * LONGEST), CHAT, LONGEST).text


@pytest.mark.parametrize("text", ["", "   ", "\n\t "])
def test_an_empty_message_is_400(text):
    assert refusal(body(text=text)) == 400


def test_a_message_of_100_kilobytes_is_413():
    assert refusal(body(text="a" * 100_000)) == 413
    assert refusal(body(text="a" * (LONGEST + 1))) == 413


@pytest.mark.parametrize(
    "raw",
    [
        b'{"text": "\xff\xfe", "client_id": "0123456789"}',
        b"",
        b"not json",
        b"[]",
        b"[" * 100_000,
        body(text=None),
        body(text=7),
        body(client_id="short"),
        body(client_id="0123456789 '"),
        body(more=1),
        body(text="a\0b"),
        b'{"text": "\\ud800", "client_id": "0123456789"}',
    ],
)
def test_what_is_no_message_is_400(raw):
    assert refusal(raw) == 400
