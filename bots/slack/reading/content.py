"""What a message holds: its text, what it passes on, its files. Pure; any JSON gives a value.

Files come as attachments, checked by what Slack says of them before anything is fetched. Where
something stands beside a text that can't be taken, the text is answered, and the model is told in
brackets what came along. Of link previews only those of messages count: Slack makes them of what a
person shares; a web page is nobody's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.messages import Attachment
from assistant.phrases import Phrase
from bots.quoting import shortened
from bots.slack.reading.documents import SlackFile, slack_file
from bots.slack.reading.payload import Object, items, text
from bots.slack.reading.text import mentioned, readable
from bots.slack.reading.words import is_shared, shared_words

MOST_FILES = 10
SHARED_CHARACTERS = 12_000
_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Content:
    """`refusal` where nothing of the message can be taken. Empty altogether: it says nothing."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    refusal: Phrase | None = None


def content_of(message: Object, said: str, names: Mapping[str, str]) -> Content:
    """`said`: the message's own words, as people read them. `names`: people's, by their ids."""
    shared = [_forwarded(one, names) for one in _shared(message)]
    files = files_of(message)
    refused = [one for one in files if one.attachment is None]
    attachments = tuple(one.attachment for one in files if one.attachment is not None)
    words = [*filter(None, shared), *filter(None, (said,))]
    if not words and not attachments:
        return Content(refusal=refused[0].refusal if refused else None)
    return Content("\n\n".join([*words, *map(_unseen, refused)]), attachments)


def files_of(message: Object) -> Sequence[SlackFile]:
    """Its own, then those of what it passes on."""
    described = [*items(message.get("files"))]
    for one in _shared(message):
        described += items(one.get("files"))
    return [found for one in described[:MOST_FILES] if (found := slack_file(one)) is not None]


def addresses_in(message: Object) -> Mapping[str, str]:
    """Where the message's attachments are fetched, by their file ids."""
    return {one.attachment.file_id: one.address for one in files_of(message) if one.attachment}


def people_shared(message: Object) -> Sequence[str]:
    """The ids of the people whom a shared message calls, and of who wrote it."""
    called = [one for shared in _shared(message) for one in mentioned(text(shared, "text"))]
    return [*called, *filter(None, (text(one, "author_id") for one in _shared(message)))]


def _shared(message: Object) -> Sequence[Object]:
    return [one for one in items(message.get("attachments")) if is_shared(one)]


def _forwarded(shared: Object, names: Mapping[str, str]) -> str:
    """Another's words, each line as a quote, so that none can pass for the sender's own."""
    held = [f"[{one.words}]" for one in map(slack_file, items(shared.get("files"))) if one]
    said = "\n".join(filter(None, (shared_words(shared, names), *held)))
    if not said:
        return ""
    lines = [f"> {line}".rstrip() for line in shortened(said, SHARED_CHARACTERS).splitlines()]
    return "\n".join((f"Forwarded from {_author(shared, names)}:", *lines))


def _author(shared: Object, names: Mapping[str, str]) -> str:
    told = text(shared, "author_name") or text(shared, "author_subname")
    name = names.get(text(shared, "author_id")) or readable(told)
    return " ".join(name.split())[:_NAME_CHARACTERS] or "somebody"


def _unseen(file: SlackFile) -> str:
    return f"[{file.words} came with this message: you can't see, hear or open it.]"
