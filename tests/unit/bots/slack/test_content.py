"""What a message of Slack's holds: its words, what it passes on, its files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.files.attachments import IMAGE_BYTES, TEXT_BYTES
from bots.slack.reading.content import MOST_FILES, SHARED_CHARACTERS, addresses_in, content_of
from bots.slack.reading.documents import IMAGE_SIDE, slack_file
from bots.slack.reading.words import words_of

NAMES = {"U1": "Ada", "U2": "Grace"}
ADDRESS = "https://files.slack.com/files-pri/T1-F1/a"


def file(name: str = "notes.txt", mimetype: str = "text/plain", **more: Any) -> dict[str, Any]:
    return {"id": "F1", "name": name, "mimetype": mimetype, "url_private": ADDRESS, **more}


def shared(text: str, **more: Any) -> dict[str, Any]:
    return {"is_share": True, "author_id": "U2", "author_name": "grace", "text": text, **more}


def test_what_is_passed_on_cant_pass_for_the_senders_own_words() -> None:
    text = "one\n\ntwo\u2028Forwarded from Ada:\r\nthree"
    content = content_of({"attachments": [shared(text)]}, "And?", NAMES)
    told, own = content.text.rsplit("\n\n", 1)
    assert own == "And?"
    assert told.split("\n")[0] == "Forwarded from Grace:"
    assert all(line.startswith(">") for line in told.splitlines()[1:])


def test_an_author_is_named_in_one_line() -> None:
    odd = {"is_share": True, "author_name": "a\n> b" + "c" * 100, "text": "x"}
    [first, *_] = content_of({"attachments": [odd]}, "", {}).text.split("\n")
    assert first.startswith("Forwarded from a > bcc")
    assert len(first) < 100
    nobody = {"is_share": True, "text": "x"}
    assert content_of({"attachments": [nobody]}, "", {}).text == "Forwarded from somebody:\n> x"


def test_a_long_message_that_is_passed_on_is_cut() -> None:
    content = content_of({"attachments": [shared("word " * SHARED_CHARACTERS)]}, "", {})
    assert SHARED_CHARACTERS - 100 < len(content.text) < SHARED_CHARACTERS + 100
    assert content.text.endswith(" …")


def test_a_pages_preview_is_nobodys_words() -> None:
    preview = {"title": "A page", "text": "of somebody", "from_url": "https://x.example"}
    assert content_of({"attachments": [preview]}, "see", {}).text == "see"


def test_of_what_is_passed_on_without_a_text_the_blocks_are_read() -> None:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": "On Friday"}]}
    block = {"type": "rich_text", "elements": [section]}
    one = shared("", message_blocks=[{"message": {"blocks": [block]}}])
    assert content_of({"attachments": [one]}, "", {}).text.endswith("\n> On Friday")


def test_an_apps_message_is_read_from_its_blocks() -> None:
    user = {"type": "user", "user_id": "U1"}
    link = {"type": "link", "url": "https://x.example", "text": "here"}
    parts = [{"type": "text", "text": "Ask "}, user, {"type": "emoji", "name": "eyes"}, link]
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Disk full"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Host* &lt;db-1&gt;"}]},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": parts}],
        },
        {"type": "divider"},
    ]
    assert words_of({"blocks": blocks}, NAMES) == "Disk full\n*Host* <db-1>\nAsk @Ada:eyes:here"


@pytest.mark.parametrize(
    ("described", "kind", "media_type"),
    [
        (file(), "text", "text/plain"),
        (file("a.py", "text/x-python"), "text", "text/plain"),
        (file("a.csv", "text/csv"), "text", "text/plain"),
        (file("a.json", "application/json"), "text", "text/plain"),
        (file("a", "application/x-basic", mode="snippet"), "text", "text/plain"),
        (file("a.pdf", "application/pdf"), "text", "application/pdf"),
        (file("a.png", "image/png", original_w=IMAGE_SIDE), "image", "image/png"),
        (file("a.jpg", "image/jpeg"), "image", "image/jpeg"),
        (file("a.webp", "image/webp"), "image", "image/webp"),
        (file("a.gif", "image/gif"), "image", "image/gif"),
    ],
)
def test_what_can_be_read_is_taken(described: dict[str, Any], kind: str, media_type: str) -> None:
    found = slack_file(described)
    assert found is not None
    assert found.attachment is not None
    assert (found.attachment.kind, found.attachment.media_type) == (kind, media_type)
    assert found.address == ADDRESS


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"mimetype": "video/mp4"}, "content.video"),
        ({"mimetype": "audio/webm"}, "content.voice"),
        ({"mimetype": "image/tiff"}, "content.image_type"),
        ({"mimetype": "application/vnd.slack-docs"}, "content.document"),
        ({"mode": "external"}, "content.document"),
        ({"is_external": True}, "content.document"),
        ({"mode": "hidden_by_limit"}, "content.not_fetched"),
        ({"file_access": "check_file_info"}, "content.not_fetched"),
        ({"url_private": None}, "content.not_fetched"),
        ({"size": TEXT_BYTES + 1}, "content.text_too_big"),
        ({"mimetype": "image/png", "size": IMAGE_BYTES + 1}, "content.image_too_big"),
    ],
)
def test_what_cant_be_read_says_why(more: dict[str, Any], key: str) -> None:
    found = slack_file(file("a", **{"mimetype": "text/plain", **more}))
    assert found is not None
    assert found.refusal is not None
    assert (found.attachment, found.refusal.key) == (None, key)


@pytest.mark.parametrize("described", [{}, {"id": 7}, file(mode="tombstone")])
def test_what_is_gone_or_no_file_is_nothing(described: dict[str, Any]) -> None:
    assert slack_file(described) is None


@pytest.mark.parametrize(
    "more",
    [
        {"mimetype": "image/heic"},
        {"mimetype": "image/png", "size": IMAGE_BYTES + 1},
        {"mimetype": "image/png", "original_h": IMAGE_SIDE + 1},
    ],
)
def test_of_a_picture_that_is_too_much_the_largest_copy_is_taken(more: dict[str, Any]) -> None:
    found = slack_file(file(thumb_360="https://small", thumb_960="https://large", **more))
    assert found is not None
    assert found.attachment is not None
    assert (found.attachment.kind, found.address) == ("image", "https://large")


def test_the_download_address_goes_before_the_one_to_look_at() -> None:
    described = file(url_private_download="https://files.slack.com/download")
    assert addresses_in({"files": [described]}) == {"F1": "https://files.slack.com/download"}


def test_of_very_many_files_the_first_are_taken() -> None:
    files = [file() | {"id": f"F{number}"} for number in range(MOST_FILES + 5)]
    content = content_of({"files": files}, "", {})
    assert [one.file_id for one in content.attachments] == [f"F{n}" for n in range(MOST_FILES)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["section"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "blocks", "attachments"]), inner
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["text", "blocks", "attachments", "files"]), JSON))
def test_any_json_has_words_that_can_be_stored(message: dict[str, Any]) -> None:
    words_of(message, NAMES).encode()
    content_of(message, "", NAMES).text.encode()
