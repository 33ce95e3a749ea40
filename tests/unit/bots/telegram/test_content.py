"""What people send, to text and files: what can be taken, what can't, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.messages import Attachment
from assistant.phrases import Phrase, say
from bots.telegram.addressing import BotIdentity
from bots.telegram.content import Content, album_of, content_of

BOT = BotIdentity(id=99, username="HelperBot")
ANA = {"id": 7, "is_bot": False, "first_name": "Ana"}
PHOTO = [
    {"file_id": "small", "width": 90, "height": 60, "file_size": 1_000},
    {"file_id": "middle", "width": 1280, "height": 853, "file_size": 90_000},
    {"file_id": "large", "width": 2560, "height": 1706, "file_size": 400_000},
]
SEEN = Attachment("image", "middle", "", "image/jpeg", 90_000, 1280, 853)


def units(value: str) -> int:
    return len(value.encode("utf-16-le")) // 2


def entity(said: str, part: str, kind: str, **more: Any) -> dict[str, Any]:
    at = units(said[: said.index(part)])
    return {"type": kind, "offset": at, "length": units(part), **more}


def content(**message: Any) -> Content:
    return content_of({"message_id": 9, "from": ANA, **message}, BOT)


def document(name: str, media_type: str = "", size: int = 10) -> dict[str, Any]:
    return {"file_id": "doc", "file_name": name, "mime_type": media_type, "file_size": size}


@pytest.mark.parametrize(
    ("said", "part", "entities", "expected"),
    [
        (
            "see here",
            "here",
            {"type": "text_link", "url": "https://a.b/c"},
            "see here (https://a.b/c)",
        ),
        ("a.b/c", "a.b/c", {"type": "text_link", "url": "a.b/c"}, "a.b/c"),
        ("run ls -l now", "ls -l", {"type": "code"}, "run `ls -l` now"),
        ("a `b` c", "a `b` c", {"type": "code"}, "``a `b` c``"),
        ("😀 x = 1", "x = 1", {"type": "pre", "language": "python"}, "😀 \n```python\nx = 1\n```"),
        ("x ``` y", "x ``` y", {"type": "pre"}, "````\nx ``` y\n````"),
        ("bold 😀 end", "bold", {"type": "bold"}, "bold 😀 end"),
        ("a 👍 b", "👍", {"type": "custom_emoji", "custom_emoji_id": "5"}, "a 👍 b"),
        ("hey @helperBot what", "@helperBot", {"type": "mention"}, "hey what"),
        ("hey @other what", "@other", {"type": "mention"}, "hey @other what"),
        ("Helper, hi", "Helper", {"type": "text_mention", "user": {"id": 99}}, ", hi"),
    ],
)
def test_formatting_is_kept_as_the_model_reads_it(
    said: str, part: str, entities: dict[str, Any], expected: str
) -> None:
    marked = [entity(said, part, entities.pop("type"), **entities)]
    assert content(text=said, entities=marked) == Content(expected)
    assert content(photo=PHOTO, caption=said, caption_entities=marked).text == expected


def test_formats_within_one_another_are_closed_in_the_order_of_their_nesting() -> None:
    said = "look at code"
    inner = entity(said, "code", "code")
    outer = entity(said, said, "text_link", url="https://a.b")
    assert content(text=said, entities=[inner, outer]).text == "look at `code` (https://a.b)"


@pytest.mark.parametrize("offset", [-1, 0, 3, 2**70, None, "1", 1.5])
@pytest.mark.parametrize("length", [-1, 0, 1, 4, 2**70, None])
def test_an_entity_that_lies_outside_its_text_changes_nothing(offset: Any, length: Any) -> None:
    given_entity = {"type": "code", "offset": offset, "length": length}
    said = content(text="abc", entities=[given_entity]).text
    assert said.replace("`", "") == "abc"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"sticker": {"emoji": "🎉", "file_id": "s"}}, "🎉"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "🎲 4"),
        ({"location": {"latitude": 38.7071, "longitude": -9.13549}}, "Location: 38.7071, -9.13549"),
        (
            {
                "venue": {
                    "title": "Casa",
                    "address": "Rua 1",
                    "location": {"latitude": 1, "longitude": 2.5},
                },
                "location": {"latitude": 1, "longitude": 2.5},
            },
            "Venue: Casa, Rua 1 (1, 2.5)",
        ),
        (
            {"contact": {"first_name": "Bo", "last_name": "Lee", "phone_number": "+351 1"}},
            "Contact: Bo Lee, +351 1",
        ),
        (
            {"poll": {"question": "Tea?", "options": [{"text": "Yes"}, {"text": "No"}]}},
            "Poll: Tea? Options: Yes / No",
        ),
        (
            {
                "checklist": {
                    "title": "Trip",
                    "tasks": [{"text": "Book", "completion_date": 5}, {"text": "Pack"}],
                }
            },
            "Checklist: Trip\n- [x] Book\n- [ ] Pack",
        ),
    ],
)
def test_what_a_line_can_say_becomes_a_line(message: dict[str, Any], expected: str) -> None:
    assert content(**message) == Content(expected)


def test_of_a_photo_the_largest_size_that_a_model_makes_use_of_is_taken() -> None:
    assert content(photo=PHOTO) == Content("", (SEEN,))
    assert content(photo=PHOTO, caption="what is it?") == Content("what is it?", (SEEN,))
    assert content(photo=PHOTO[2:]).attachments[0].file_id == "large"  # better than nothing


@pytest.mark.parametrize(
    ("name", "media_type", "kind"),
    [
        ("notes.txt", "text/plain", "text"),
        ("data.csv", "application/octet-stream", "text"),
        ("main.rs", "", "text"),
        ("x", "application/json", "text"),
        ("Makefile", "application/octet-stream", "text"),
        ("page.HTML", "text/html; charset=utf-8", "text"),
        ("report.pdf", "application/pdf", "text"),
        ("scan.png", "image/png", "image"),
        ("pic", "image/webp", "image"),
    ],
)
def test_a_document_is_taken_by_its_type_or_its_name(name: str, media_type: str, kind: str) -> None:
    [attachment] = content(document=document(name, media_type)).attachments
    assert (attachment.kind, attachment.name, attachment.file_id) == (kind, name, "doc")


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ({"voice": {"file_id": "v"}}, "content.voice"),
        ({"audio": {"file_id": "v"}}, "content.voice"),
        ({"video": {"file_id": "v"}}, "content.video"),
        ({"video_note": {"file_id": "v"}}, "content.video"),
        ({"animation": {"file_id": "v"}, "document": document("a.mp4")}, "content.video"),
        ({"sticker": {"file_id": "s"}}, "content.sticker"),
        ({"story": {"id": 1}}, "content.other"),
        ({"document": document("a.zip", "application/zip")}, "content.document"),
        ({"document": document("a.bin", "application/octet-stream")}, "content.document"),
        ({"document": document("a.heic", "image/heic")}, "content.image_type"),
        ({"document": document("a.mkv", "video/x-matroska")}, "content.video"),
        ({"document": document("a.txt", "text/plain", 1_000_001)}, "content.text_too_big"),
        ({"document": document("a.pdf", "application/pdf", 10_000_001)}, "content.text_too_big"),
        ({"document": document("a.png", "image/png", 10_000_001)}, "content.image_too_big"),
    ],
)
def test_what_cant_be_taken_is_refused_in_a_sentence_and_a_text_beside_it_is_answered(
    message: dict[str, Any], key: str
) -> None:
    alone = content(**message)
    assert alone.refusal is not None
    assert (alone.text, alone.attachments, alone.refusal.key) == ("", (), key)
    assert say(alone.refusal)
    with_text = content(**message, caption="what now?")
    assert with_text.refusal is None
    assert with_text.text.startswith("what now?\n\n[A")
    assert with_text.text.endswith(" came with this message: you can't see, hear or open it.]")


def test_a_refusal_says_how_large_a_file_may_be() -> None:
    refusal = content(document=document("a.txt", "text/plain", 2_000_000)).refusal
    assert refusal == Phrase("content.text_too_big", {"most": "1 MB"})


def test_a_photo_that_is_replied_to_is_looked_at() -> None:
    answered = {"message_id": 3, "from": ANA, "photo": PHOTO, "caption": "my cat"}
    asked = content(text="what breed?", reply_to_message=answered)
    assert asked == Content("> Ana wrote: [A photo] my cat\n\nwhat breed?", (SEEN,))
    ours = {**answered, "from": {"id": 99, "is_bot": True}}
    assert content(text="what breed?", reply_to_message=ours).attachments == ()


def test_a_photo_that_is_passed_on_says_whose_it_is() -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Bo"}
    passed_on = content(photo=PHOTO, forward_origin=origin)
    assert passed_on == Content("Forwarded from Bo:", (SEEN,))


@pytest.mark.parametrize("message", [{}, {"text": ""}, {"pinned_message": {}}, {"photo": []}])
def test_what_says_nothing_is_nothing(message: dict[str, Any]) -> None:
    assert content(**message) == Content()


def test_the_parts_of_an_album_say_which() -> None:
    assert album_of({"media_group_id": "13"}) == "13"
    assert album_of({"media_group_id": 13}) == album_of({}) == ""


KINDS = """
    text caption entities caption_entities photo document video voice sticker dice venue location
    contact poll checklist reply_to_message external_reply quote forward_origin from message_id
"""
FIELDS = """
    file_id width height file_size file_name mime_type emoji value title address latitude
    longitude first_name phone_number question options tasks text offset length type url language
    user origin sender_user sender_chat chat author_signature media_group_id
"""
NAMES = st.sampled_from([*KINDS.split(), *FIELDS.split()])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["code", "pre", "text_link", "mention", "@HelperBot", "image/png", "\ud83d"])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KINDS.split()), VALUES, max_size=6))
def test_any_json_gives_a_value_that_can_be_stored(message: dict[str, Any]) -> None:
    found = content_of(message, BOT)
    shown = [found.text, album_of(message)]
    for one in found.attachments:
        shown += [one.file_id, one.name, one.media_type]
        assert json.dumps([one.size_bytes, one.width, one.height])
    for value in shown:
        assert "\x00" not in value
        value.encode()
