"""What a message holds: its text, its files, and what can't be taken. Pure; any JSON gives a value.

What a line can say (a place, a contact, a poll) becomes a line. Files come as attachments, checked
by what Telegram says of them before anything is fetched. Where something stands beside a text that
can't be taken, the text is answered, and the model is told in brackets what came along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assistant.messages import Attachment
from assistant.phrases import Phrase
from bots.documents import attached
from bots.telegram.addressing import BotIdentity, answered_message
from bots.telegram.payload import Object, items, mapping, number, text
from bots.telegram.quotes import forwarded, quoted
from bots.telegram.text.formatting import readable
from bots.telegram.text.utf16 import clean

IMAGE_SIDE = 2048  # pixels; a model gets nothing from more


@dataclass(frozen=True, slots=True)
class Content:
    """`refusal` where nothing of the message can be taken. Empty altogether: it says nothing."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    refusal: Phrase | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """What stands in a message beside its text: as words, as a file, or as neither."""

    words: str = ""
    attachment: Attachment | None = None
    refusal: Phrase | None = None

    @property
    def said(self) -> str:
        """What it is where it says something itself, as a place does."""
        return self.words if self.attachment is None and self.refusal is None else ""

    @property
    def label(self) -> str:
        """As a quote shows it."""
        return self.said or (f"[{self.words}]" if self.words else "")


def content_of(message: Object, bot: BotIdentity) -> Content:
    own, answered = _held(message), answered_message(message)
    before = _held(answered)
    said = readable(message, bot)
    if own.refusal is not None and not said:
        return Content(refusal=own.refusal)
    unseen = f"[{own.words} came with this message: you can't see, hear or open it.]"
    body = "\n\n".join(filter(None, (said, own.said, unseen if own.refusal else "")))
    shown = before if _is_theirs(answered, bot) else _Held()
    attachments = tuple(one.attachment for one in (shown, own) if one.attachment is not None)
    if (from_whom := forwarded(message)) and (body or attachments):
        body = f"{from_whom}\n{body}".strip()
    return Content(
        "\n\n".join(filter(None, (quoted(message, bot, before.label), body))), attachments
    )


def album_of(message: Object) -> str:
    """The id of the album that the message is a part of; empty where it is none."""
    return clean(text(message.get("media_group_id")))


_UNREADABLE = _Held("Something", refusal=Phrase("content.other"))


def _is_theirs(answered: Object, bot: BotIdentity) -> bool:
    return number(mapping(answered.get("from")).get("id")) != bot.id


def _held(message: Object) -> _Held:
    """The first that is there, in an order in which a copy comes after what it is a copy of."""
    for kind, read in _READERS.items():
        if message.get(kind):
            held = read(message, kind)
            return held if held.words else _UNREADABLE
    return _Held()


def _photo(message: Object, kind: str) -> _Held:
    sizes = [size for size in items(message.get(kind)) if text(size.get("file_id"))]
    if not sizes:
        return _Held()
    fitting = [size for size in sizes if max(_sides(size)) <= IMAGE_SIDE]
    chosen = max(fitting, key=_sides) if fitting else min(sizes, key=_sides)
    width, height = _sides(chosen)
    photo = Attachment(
        "image",
        clean(text(chosen.get("file_id"))),
        media_type="image/jpeg",
        size_bytes=max(number(chosen.get("file_size")) or 0, 0),
        width=width,
        height=height,
    )
    return _Held("A photo", photo)


def _document(message: Object, kind: str) -> _Held:
    document = mapping(message.get(kind))
    file_id = clean(text(document.get("file_id")))
    if not file_id:
        return _Held()
    name, media_type = text(document.get("file_name")), text(document.get("mime_type"))
    size = max(number(document.get("file_size")) or 0, 0)
    return _Held(*attached(file_id, clean(name), media_type, size))


def _sticker(message: Object, kind: str) -> _Held:
    emoji = _line(mapping(message.get(kind)).get("emoji"))
    return _Held(emoji) if emoji else _Held("A sticker", refusal=Phrase("content.sticker"))


def _dice(message: Object, kind: str) -> _Held:
    dice = mapping(message.get(kind))
    value = number(dice.get("value"))
    return _Held(f"{_line(dice.get('emoji'))} {'' if value is None else value}".strip())


def _location(message: Object, kind: str) -> _Held:
    place = _place(mapping(message.get(kind)))
    return _Held(f"Location: {place}") if place else _Held()


def _venue(message: Object, kind: str) -> _Held:
    venue = mapping(message.get(kind))
    place = _place(mapping(venue.get("location")))
    named = ", ".join(filter(None, (_line(venue.get("title")), _line(venue.get("address")))))
    return _Held(f"Venue: {named}{f' ({place})' if place else ''}") if named or place else _Held()


def _contact(message: Object, kind: str) -> _Held:
    contact = mapping(message.get(kind))
    name = " ".join(filter(None, (_line(contact.get(one)) for one in ("first_name", "last_name"))))
    said = ", ".join(filter(None, (name, _line(contact.get("phone_number")))))
    return _Held(f"Contact: {said}") if said else _Held()


def _poll(message: Object, kind: str) -> _Held:
    poll = mapping(message.get(kind))
    options = [_line(option.get("text")) for option in items(poll.get("options"))]
    asked = _line(poll.get("question"))
    return _Held(f"Poll: {asked} Options: {' / '.join(options)}") if asked else _Held()


def _checklist(message: Object, kind: str) -> _Held:
    checklist = mapping(message.get(kind))
    tasks = [
        f"- [{'x' if number(task.get('completion_date')) else ' '}] {_line(task.get('text'))}"
        for task in items(checklist.get("tasks"))
    ]
    return _Held("\n".join((f"Checklist: {_line(checklist.get('title'))}", *tasks)))


def _unusable(words: str, key: str) -> Callable[[Object, str], _Held]:
    held = _Held(words, refusal=Phrase(key))
    return lambda message, kind: held


# An animation comes with a document beside it, a venue with a location.
_READERS: Mapping[str, Callable[[Object, str], _Held]] = {
    "photo": _photo,
    "animation": _unusable("An animation", "content.video"),
    "live_photo": _unusable("A live photo", "content.video"),
    "video": _unusable("A video", "content.video"),
    "video_note": _unusable("A video message", "content.video"),
    "voice": _unusable("A voice message", "content.voice"),
    "audio": _unusable("An audio file", "content.voice"),
    "document": _document,
    "sticker": _sticker,
    "dice": _dice,
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "poll": _poll,
    "checklist": _checklist,
    "game": _unusable("A game", "content.other"),
    "invoice": _unusable("An invoice", "content.other"),
    "paid_media": _unusable("Paid media", "content.other"),
    "story": _unusable("A story", "content.other"),
    "giveaway": _unusable("A giveaway", "content.other"),
}


def _sides(size: Object) -> tuple[int, int]:
    return number(size.get("width")) or 0, number(size.get("height")) or 0


def _place(location: Object) -> str:
    """Latitude and longitude in degrees."""
    degrees = [location.get("latitude"), location.get("longitude")]
    if not all(isinstance(one, int | float) and abs(one) <= 180 for one in degrees):
        return ""
    return ", ".join(f"{one:.6f}".rstrip("0").rstrip(".") for one in degrees)


def _line(value: object) -> str:
    return " ".join(clean(text(value)).split())
