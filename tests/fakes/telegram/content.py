"""What Telegram checks in what a bot sends, in its own words, and finds in what people write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.entities import Formatted, beside, formatted, in_order, units
from tests.fakes.telegram.links import acceptable_link
from tests.fakes.telegram.parse_modes import parsed
from tests.fakes.telegram.refusals import bad_request

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
RAW_BYTES = 2**15
CALLBACK_BYTES = 64
ACTIONS = frozenset(
    {"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"}
    | {"upload_document", "choose_sticker", "find_location", "record_video_note"}
    | {"upload_video_note"}
)
# core.telegram.org/bots/api#reactiontypeemoji
REACTIONS = (
    frozenset("👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐")
    | frozenset("🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡")
    | {"❤‍🔥", "👨‍💻", "🤷‍♂", "🤷‍♀"}
)
_DETECTED = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,;:!?)])"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[\w.]+\w)"
    r"|(?<![\w/])(?:(?P<mention>@\w{3,})|(?P<bot_command>/\w+(?:@\w+)?)|(?P<hashtag>\#\w*[^\W\d]\w*))"
)
_ACTIVE = frozenset(  # what a button may do
    {"callback_data", "url", "web_app", "login_url", "copy_text", "switch_inline_query"}
    | {"switch_inline_query_current_chat", "switch_inline_query_chosen_chat"}
)


def checked_text(params: Fields, too_long: str) -> Formatted:
    """The text as it will stand; raises Refused."""
    text = str(params.get("text", ""))
    if not text:
        raise bad_request("message text is empty")
    found = read(text, params.get("parse_mode", ""), params.get("entities") or [])
    if not found.text.strip():
        raise bad_request("text must be non-empty")
    if units(found.text) > TEXT_UNITS:
        raise bad_request(too_long)
    return found


def checked_caption(params: Fields) -> Formatted:
    """It may be empty; raises Refused."""
    entities = params.get("caption_entities") or []
    found = read(str(params.get("caption", "")), params.get("parse_mode", ""), entities)
    if units(found.text) > CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return found


def read(text: str, parse_mode: str, entities: Sequence[Fields]) -> Formatted:
    """By its parse mode, else by the entities; raises Refused."""
    if len(text.encode("utf-8", "surrogatepass")) > RAW_BYTES:
        raise bad_request("text is too long")
    if text and parse_mode and parse_mode.lower() != "none":
        text, entities = parsed(text, parse_mode)
    shown = formatted(text, entities)
    return replace(shown, found=beside(detected_entities(shown.text), shown.entities))


def checked_reactions(given: list[Fields], allowed: bool) -> list[str]:
    """A bot may set one, which is one of Telegram's own; raises Refused."""
    if len(given) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    chosen = [str(one.get("emoji", "")) for one in given]
    if not allowed or not REACTIONS.issuperset(chosen):
        raise bad_request("REACTION_INVALID")
    return chosen


def check_keyboard(markup: Fields | None) -> None:
    """Raises Refused."""
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            _check_button(button)


def _check_button(button: Fields) -> None:
    if not _ACTIVE & button.keys():
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if not button.get("text"):
        raise bad_request("BUTTON_TEXT_INVALID")
    data = button.get("callback_data")
    if data is not None and not 1 <= len(data.encode()) <= CALLBACK_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and not acceptable_link(button["url"]):
        raise bad_request(
            f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL"
        )


def covered(text: str, entity: Fields) -> str:
    """What the entity marks in the text."""
    part = text.encode("utf-16-le")[2 * entity["offset"] :][: 2 * entity["length"]]
    return part.decode("utf-16-le", "replace")


def detected_entities(text: str) -> list[Fields]:
    """Mentions, commands and links, as Telegram marks them in what people write."""
    return [
        {
            "type": str(found.lastgroup),
            "offset": units(text[: found.start()]),
            "length": units(found[0]),
        }
        for found in _DETECTED.finditer(text)
    ]


def marks(text: str, entities: Sequence[Fields] | None) -> list[Fields]:
    """What a person's text is marked with: what is detected, and the formatting they chose."""
    return in_order([*detected_entities(text), *(entities or [])])
