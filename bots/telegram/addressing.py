"""Whether a message speaks to our bot, and which order it gives. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from assistant.messages import CommandName
from bots.telegram.payload import Object, items, mapping, number, text
from bots.telegram.text.utf16 import part, units

COMMANDS: Mapping[str, CommandName] = {name: name for name in get_args(CommandName)}


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are on Telegram, from getMe. `username` has no @.

    `reads_all`: privacy mode is off, so that all that is said in a group arrives.
    """

    id: int
    username: str
    reads_all: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """An entity with the text that it covers; offset and length in UTF-16 units."""

    kind: str
    offset: int
    length: int
    covered: str
    ours: bool  # a mention of us


def addressed(message: Object, bot: BotIdentity) -> bool:
    """Mentions us, replies to a message of ours, or is a command for us.

    What a channel forwards into its discussion group, and what orders another bot to do something,
    speaks to us only where it mentions us.
    """
    pieces = list(_pieces(message, bot))
    if any(piece.ours for piece in pieces):
        return True
    if message.get("is_automatic_forward") is True:
        return False
    if target := "".join(_target(piece) for piece in pieces):
        return target == bot.username.lower()
    return _answers_us(message, bot) or any(_commands_us(piece, bot) for piece in pieces)


def written_by(message: Object, bot: BotIdentity) -> bool:
    """Whether it is ours: by our account, or by a person who chose our inline result."""
    writers = (mapping(message.get(name)) for name in ("from", "via_bot"))
    return any(number(writer.get("id")) == bot.id for writer in writers)


def command_of(message: Object, bot: BotIdentity) -> tuple[CommandName | None, str]:
    """The command for us that the message begins with, and what is written behind it."""
    for piece in _pieces(message, bot):
        if piece.kind == "bot_command" and piece.offset == 0:
            name, _, target = piece.covered[1:].lower().partition("@")
            ours = not target or target == bot.username.lower()
            content = text(message.get("text")) or text(message.get("caption"))
            argument = part(content, piece.length, units(content)).strip()
            return (COMMANDS.get(name) if ours else None), argument
    return None, ""


def answered_message(message: Object) -> Object:
    """The message that this one answers; empty where there is none."""
    answered = mapping(message.get("reply_to_message"))
    # In a topic, what answers nothing "answers" the topic's beginning.
    return {} if "forum_topic_created" in answered else answered


def names_us(entity: Object, covered: str, bot: BotIdentity) -> bool:
    """Whether an entity over this text is a mention of us."""
    if entity.get("type") == "mention":
        return covered.lower() == f"@{bot.username}".lower()
    user = number(mapping(entity.get("user")).get("id"))
    return entity.get("type") == "text_mention" and user == bot.id


def _answers_us(message: Object, bot: BotIdentity) -> bool:
    return number(mapping(answered_message(message).get("from")).get("id")) == bot.id


def _target(piece: _Piece) -> str:
    """The bot that a command at the beginning names."""
    ordered = piece.kind == "bot_command" and piece.offset == 0
    return piece.covered.lower().partition("@")[2] if ordered else ""


def _commands_us(piece: _Piece, bot: BotIdentity) -> bool:
    if piece.kind != "bot_command" or piece.offset != 0:
        return False
    name = piece.covered[1:].lower()
    # Without a name it is for any bot. In privacy mode Telegram gives it to the one that is meant.
    return not bot.reads_all and name in COMMANDS


def _pieces(message: Object, bot: BotIdentity) -> Iterator[_Piece]:
    """The entities of the text, or of a photo's caption, that lie within it."""
    captioned = not text(message.get("text"))
    content = text(message.get("caption" if captioned else "text"))
    size = units(content)
    for entity in items(message.get("caption_entities" if captioned else "entities")):
        offset, length = number(entity.get("offset")), number(entity.get("length"))
        if offset is None or length is None or offset < 0 or length < 1 or offset + length > size:
            continue
        covered = part(content, offset, length)
        ours = names_us(entity, covered, bot)
        yield _Piece(text(entity.get("type")), offset, length, covered, ours)
