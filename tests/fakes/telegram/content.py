"""What Telegram checks in a text that a bot sends, in its own words."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.telegram.refusals import bad_request

TEXT_UNITS = 4096
CALLBACK_BYTES = 64
# core.telegram.org/bots/api#reactiontypeemoji
REACTIONS = (
    frozenset("👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐")
    | frozenset("🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡")
    | {"❤‍🔥", "👨‍💻", "🤷‍♂", "🤷‍♀"}
)
KINDS = frozenset(
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold"}
    | {"italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote"}
    | {"code", "pre", "text_link", "text_mention", "custom_emoji"}
)
_DETECTED = re.compile(r"(?<!\w)(?:(?P<mention>@\w{3,})|(?P<bot_command>/\w+(?:@\w+)?))")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def covered(text: str, entity: dict[str, Any]) -> str:
    """What the entity marks in the text."""
    part = text.encode("utf-16-le")[2 * entity["offset"] :][: 2 * entity["length"]]
    return part.decode("utf-16-le", "replace")


def checked_text(text: str, entities: list[dict[str, Any]], too_long: str) -> str:
    """The text as it will stand; raises Refused."""
    if not text.strip():
        raise bad_request("message text is empty")
    if units(text) > TEXT_UNITS:
        raise bad_request(too_long)
    for entity in entities:
        _check_entity(text, entity)
    return text.strip()


def _check_entity(text: str, entity: dict[str, Any]) -> None:
    offset, length = entity["offset"], entity["length"]
    end, size = offset + length, units(text)
    if entity["type"] not in KINDS:
        raise bad_request("can't parse MessageEntity: unsupported type specified")
    if offset < 0 or length < 0 or end > size:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends after the end of the text "
            f"at UTF-16 offset {end}"
        )
    if _inside_pair(text, offset):
        raise bad_request(f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {offset}")
    if _inside_pair(text, end):
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol "
            f"at UTF-16 offset {end}"
        )


def _inside_pair(text: str, offset: int) -> bool:
    following = text.encode("utf-16-le")[2 * offset : 2 * offset + 2]
    return len(following) == 2 and 0xDC <= following[1] <= 0xDF


def checked_reactions(given: list[dict[str, Any]], allowed: bool) -> list[str]:
    """A bot may set one, which is one of Telegram's own; raises Refused."""
    if len(given) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    chosen = [str(one.get("emoji", "")) for one in given]
    if not allowed or not REACTIONS.issuperset(chosen):
        raise bad_request("REACTION_INVALID")
    return chosen


def check_keyboard(markup: dict[str, Any] | None) -> None:
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            if not 1 <= len(button.get("callback_data", "").encode()) <= CALLBACK_BYTES:
                raise bad_request("BUTTON_DATA_INVALID")


def detected_entities(text: str) -> list[dict[str, Any]]:
    """Mentions and commands, as Telegram marks them in what people write."""
    return [
        {
            "type": str(found.lastgroup),
            "offset": units(text[: found.start()]),
            "length": units(found[0]),
        }
        for found in _DETECTED.finditer(text)
    ]
