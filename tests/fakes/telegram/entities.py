"""What Telegram does with the entities of a bot's text: clean, check, drop, trim.

Telegram refuses an entity that lies beside the text, and silently leaves out one that may not
stand where it does: inside code, or across another. What it left out is kept as `lost`, so that a
test can see it. As in tdlib's MessageEntity.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.fakes.telegram.chats import Fields
from tests.fakes.telegram.links import checked_link
from tests.fakes.telegram.refusals import bad_request

MOST = 100  # entities of a message; further ones are left out
TOTAL_BYTES = 9500  # of all entities together: a good approximation, says their author
ENTITY_BYTES = 12

SPLITTABLE = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
QUOTES = frozenset({"blockquote", "expandable_blockquote"})
CODE = frozenset({"code", "pre"})
GIVEN = SPLITTABLE | QUOTES | CODE | {"text_link", "text_mention", "custom_emoji", "date_time"}
FOUND = frozenset(  # Telegram finds these itself, and takes none from a bot
    {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"}
    | {"bank_card_number"}
)
_PRIORITY = {"blockquote": 0, "expandable_blockquote": 0, "pre": 10, "code": 20, "text_link": 49}
_REMOVED = frozenset("\r\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u0333\u033f\u030a")


@dataclass(frozen=True)
class Formatted:
    text: str
    entities: list[Fields]
    lost: list[Fields] = field(default_factory=list)
    found: list[Fields] = field(default_factory=list)  # mentions, links and the like


def formatted(text: str, given: Sequence[Fields]) -> Formatted:
    """As it will stand. Raises Refused."""
    for entity in given:
        _check_form(entity)
    wanted = [one for one in given if one["type"] in GIVEN and one["length"] > 0]
    kept, lost = _consistent(wanted)
    cleaned, kept = _cleaned(text, kept)
    trimmed, kept = _trimmed(cleaned, kept)
    size = sum(ENTITY_BYTES + len(one.get("url", "").encode()) for one in kept)
    if size > TOTAL_BYTES:
        raise bad_request("ENTITIES_TOO_LONG")
    return Formatted(trimmed, kept[:MOST], lost + kept[MOST:])


def beside(found: Sequence[Fields], given: Sequence[Fields]) -> list[Fields]:
    """What was found where nothing but styles and quotes stands."""
    taken = [one for one in given if one["type"] not in SPLITTABLE | QUOTES]
    return [
        one
        for one in found
        if all(_end(one) <= other["offset"] or _end(other) <= one["offset"] for other in taken)
    ]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def in_order(entities: Iterable[Fields]) -> list[Fields]:
    return sorted(
        entities,
        key=lambda one: (one["offset"], -one["length"], _PRIORITY.get(one["type"], 90)),
    )


def _check_form(entity: Fields) -> None:
    if entity.get("type") not in GIVEN | FOUND:
        raise bad_request("can't parse MessageEntity: Unsupported type specified")
    for name in ("offset", "length"):
        if not isinstance(entity.get(name), int):
            raise bad_request(f"can't parse MessageEntity: Can't find field \"{name}\"")
        if not 0 <= entity[name] <= 1_000_000:
            raise bad_request(f"receive an entity with incorrect {name} {entity[name]}")
    if entity["type"] == "text_link":
        checked_link(str(entity.get("url", "")))


def _consistent(given: Sequence[Fields]) -> tuple[list[Fields], list[Fields]]:
    """Those that may stand together, and those that are left out, wholly or in part."""
    ordered = in_order(given)
    others = [one for one in ordered if one["type"] not in SPLITTABLE]
    quotes = _apart(one for one in others if one["type"] in QUOTES)
    solid = _apart(one for one in others if one["type"] not in QUOTES)
    solid = [one for one in solid if not any(_crosses(one, quote) for quote in quotes)]
    code = [one for one in solid if one["type"] in CODE]
    styles = [one for one in ordered if one["type"] in SPLITTABLE]
    outside = [piece for one in styles for piece in _without(one, code)]
    kept = in_order(quotes + solid + outside)
    return kept, [one for one in ordered if one not in kept]


def _apart(entities: Iterable[Fields]) -> list[Fields]:
    """Without those that overlap an earlier one, or lie in it."""
    kept: list[Fields] = []
    for one in entities:
        if not kept or one["offset"] >= _end(kept[-1]):
            kept.append(one)
    return kept


def _crosses(one: Fields, quote: Fields) -> bool:
    if _end(quote) <= one["offset"] or quote["offset"] >= _end(one):
        return False
    return _end(quote) < _end(one) or one["offset"] < quote["offset"]


def _without(style: Fields, code: Sequence[Fields]) -> list[Fields]:
    """The pieces of a style that lie in no code."""
    start, pieces = int(style["offset"]), []
    for one in code:
        if one["offset"] >= _end(style) or _end(one) <= start:
            continue
        if one["offset"] > start:
            pieces.append({**style, "offset": start, "length": one["offset"] - start})
        start = _end(one)
    if start == style["offset"]:
        return [style]
    if start < _end(style):
        pieces.append({**style, "offset": start, "length": _end(style) - start})
    return pieces


def _cleaned(text: str, entities: list[Fields]) -> tuple[str, list[Fields]]:
    """Without control characters; what is taken out moves the entities. Raises Refused."""
    places: dict[int, int] = {}  # where a character begins: in the old text, in the new one
    new, old_at, new_at, bytes_at = [], 0, 0, 0
    middles: dict[int, int] = {}  # inside a surrogate pair: the byte where the next one begins
    for character in text:
        places[old_at] = new_at
        width = 2 if character > "\uffff" else 1
        bytes_at += len(character.encode("utf-8", "surrogatepass"))
        if width == 2:
            middles[old_at + 1] = bytes_at
        old_at += width
        if character in _REMOVED:
            continue
        new.append(" " if character < " " and character != "\n" else character)
        new_at += width
    places[old_at] = new_at
    moved = []
    for one in entities:
        _check_place(one, old_at, middles)
        offset = places[one["offset"]]
        moved.append({**one, "offset": offset, "length": places[_end(one)] - offset})
    return "".join(new), [one for one in moved if one["length"] > 0]


def _check_place(entity: Fields, size: int, middles: dict[int, int]) -> None:
    offset, end = entity["offset"], _end(entity)
    if offset > size:
        raise bad_request(f"entity begins after the end of the text at UTF-16 offset {offset}")
    if end > size:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends after the end of the text "
            f"at UTF-16 offset {end}"
        )
    if offset in middles:
        raise bad_request(
            f"entity begins in a middle of a UTF-16 symbol at byte offset {middles[offset]}"
        )
    if end in middles:
        raise bad_request(
            f"entity beginning at UTF-16 offset {offset} ends in a middle of a UTF-16 symbol "
            f"at byte offset {middles[end]}"
        )


def _trimmed(text: str, entities: list[Fields]) -> tuple[str, list[Fields]]:
    """Without the white space around it, but with that in which an entity begins."""
    kept = text.rstrip(" \n")
    size = units(kept)
    first = min((one["offset"] for one in entities), default=size)
    cut = min(len(kept) - len(kept.lstrip(" \n")), first)
    moved = []
    for one in entities:
        end = min(_end(one), size)
        if one["offset"] < end:
            moved.append({**one, "offset": one["offset"] - cut, "length": end - one["offset"]})
    return kept[cut:], moved


def _end(entity: Fields) -> int:
    return int(entity["offset"]) + int(entity["length"])
