"""Whether a message speaks to our bot, and what it says without our name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bots.telegram.payload import Object, items, mapping, number, text
from bots.telegram.utf16 import part, units


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are on Telegram, from getMe. `username` has no @."""

    id: int
    username: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """An entity with the text that it covers; offset and length in UTF-16 units."""

    kind: str
    offset: int
    length: int
    covered: str
    user_id: int | None


def addressed(message: Object, bot: BotIdentity) -> bool:
    """Mentions us, replies to a message of ours, or is a command with our name."""
    answered = mapping(mapping(message.get("reply_to_message")).get("from"))
    if number(answered.get("id")) == bot.id:
        return True
    return any(_is_ours(piece, bot) or _names_us(piece, bot) for piece in _pieces(message))


def command_of(message: Object, bot: BotIdentity) -> str:
    """The command that the message begins with, lower case and bare; empty where there is none."""
    for piece in _pieces(message):
        if piece.kind == "bot_command" and piece.offset == 0:
            name, _, target = piece.covered[1:].partition("@")
            ours = not target or target.lower() == bot.username.lower()
            return name.lower() if ours else ""
    return ""


def without_mention(message: Object, bot: BotIdentity) -> str:
    """The text without mentions of us. The other text stays as it is."""
    content = text(message.get("text"))
    ours = sorted((p for p in _pieces(message) if _is_ours(p, bot)), key=lambda p: -p.offset)
    for piece in ours:
        before = part(content, 0, piece.offset)
        after = part(content, piece.offset + piece.length, units(content))
        # "hey @bot what" would keep two spaces
        content = before + (after.lstrip(" ") if before.endswith((" ", "\n")) else after)
    return content.strip()


def _is_ours(piece: _Piece, bot: BotIdentity) -> bool:
    if piece.kind == "mention":
        return piece.covered.lower() == f"@{bot.username}".lower()
    return piece.kind == "text_mention" and piece.user_id == bot.id


def _names_us(piece: _Piece, bot: BotIdentity) -> bool:
    own = piece.covered.lower().endswith(f"@{bot.username}".lower())
    return piece.kind == "bot_command" and piece.offset == 0 and own


def _pieces(message: Object) -> Iterator[_Piece]:
    """The entities of the text, or of a photo's caption, that lie within it."""
    captioned = not text(message.get("text"))
    content = text(message.get("caption" if captioned else "text"))
    size = units(content)
    for entity in items(message.get("caption_entities" if captioned else "entities")):
        offset, length = number(entity.get("offset")), number(entity.get("length"))
        if offset is None or length is None or offset < 0 or length < 1 or offset + length > size:
            continue
        user_id = number(mapping(entity.get("user")).get("id"))
        covered = part(content, offset, length)
        yield _Piece(text(entity.get("type")), offset, length, covered, user_id)
