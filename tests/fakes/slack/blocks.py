"""Which blocks Slack takes, and its own words for what is wrong with one.

Source: docs.slack.dev, "Block Kit" reference: blocks, block elements and their limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]
Check = Callable[[Block, str], Iterator[str]]

SECTION = 3_000
FIELD = 2_000
HEADER = 150
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
URL = 3_000
ID = 255
ALT_TEXT = 2_000
OPTIONS = 100


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def faults(blocks: Sequence[Block]) -> list[str]:
    """What is wrong, each with the place in Slack's notation; empty where nothing is."""
    found = [
        fault for number, block in enumerate(blocks) for fault in _block(block, f"/blocks/{number}")
    ]
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    for number, one in enumerate(ids):
        if one in ids[:number]:
            found.append(f"block_id already exists [json-pointer:/blocks/{number}/block_id]")
    if sum(block.get("type") == "table" for block in blocks) > 1:
        found.append("only one table allowed [json-pointer:/blocks]")
    return found


def _block(block: Block, at: str) -> Iterator[str]:
    check = _BLOCKS.get(str(block.get("type")))
    if check is None:
        yield f"unsupported type: {block.get('type')} [json-pointer:{at}/type]"
        return
    yield from _longest(str(block.get("block_id", "")), ID, f"{at}/block_id")
    yield from check(block, at)


def _longest(text: str, most: int, at: str, *, least: int = 0) -> Iterator[str]:
    if units(text) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"
    if units(text) < least:
        yield f"must be more than {least - 1} characters [json-pointer:{at}]"


def _text(given: object, at: str, most: int, kinds: Sequence[str]) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f"missing required field: text [json-pointer:{at}]"
    elif given.get("type") not in kinds:
        yield f"unsupported type: {given.get('type')} [json-pointer:{at}/type]"
    else:
        yield from _longest(str(given.get("text", "")), most, f"{at}/text", least=1)


_PLAIN = ("plain_text",)
_EITHER = ("plain_text", "mrkdwn")


def _markdown(block: Block, at: str) -> Iterator[str]:
    text = block.get("text")
    if not isinstance(text, str) or not text:
        yield f"missing required field: text [json-pointer:{at}]"


def _section(block: Block, at: str) -> Iterator[str]:
    fields = block.get("fields") or []
    if not block.get("text") and not fields:
        yield f"must provide text or fields [json-pointer:{at}]"
    if block.get("text"):
        yield from _text(block["text"], f"{at}/text", SECTION, _EITHER)
    if len(fields) > 10:
        yield f"no more than 10 items allowed [json-pointer:{at}/fields]"
    for number, field in enumerate(fields):
        yield from _text(field, f"{at}/fields/{number}", FIELD, _EITHER)
    if accessory := block.get("accessory"):
        yield from _element(accessory, f"{at}/accessory", _IN_ACTIONS)


def _header(block: Block, at: str) -> Iterator[str]:
    yield from _text(block.get("text"), f"{at}/text", HEADER, _PLAIN)


def _elements(block: Block, at: str, most: int) -> Iterator[tuple[Block, str]]:
    for number, element in enumerate(block.get("elements", ())[:most]):
        yield element, f"{at}/elements/{number}"


def _counted(block: Block, at: str, most: int) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        yield f"no fewer than 1 items allowed [json-pointer:{at}/elements]"
    elif len(elements) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}/elements]"


def _acting(most: int, kinds: str) -> Check:
    def check(block: Block, at: str) -> Iterator[str]:
        yield from _counted(block, at, most)
        seen: list[object] = []
        for element, place in _elements(block, at, most):
            yield from _element(element, place, _KINDS[kinds])
            if element.get("action_id") in seen:
                yield f"action_id already exists [json-pointer:{place}/action_id]"
            seen.append(element.get("action_id") or object())

    return check


def _context(block: Block, at: str) -> Iterator[str]:
    yield from _counted(block, at, 10)
    for element, place in _elements(block, at, 10):
        if element.get("type") == "image":
            yield from _image(element, place)
        else:
            yield from _text(element, place, SECTION, _EITHER)


def _image(block: Block, at: str) -> Iterator[str]:
    if not block.get("image_url") and not block.get("slack_file"):
        yield f"missing required field: image_url [json-pointer:{at}]"
    yield from _longest(str(block.get("image_url", "")), URL, f"{at}/image_url")
    yield from _longest(str(block.get("alt_text", "")), ALT_TEXT, f"{at}/alt_text", least=1)


def _input(block: Block, at: str) -> Iterator[str]:
    yield from _text(block.get("label"), f"{at}/label", 2_000, _PLAIN)
    yield from _element(block.get("element") or {}, f"{at}/element", _IN_INPUTS)


def _table(block: Block, at: str) -> Iterator[str]:
    rows = block.get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
        yield f"must have between 1 and 100 rows [json-pointer:{at}/rows]"
    elif any(not 1 <= len(row) <= 20 for row in rows):
        yield f"must have between 1 and 20 cells [json-pointer:{at}/rows]"


def _rich_text(block: Block, at: str) -> Iterator[str]:
    if not isinstance(block.get("elements"), list):
        yield f"missing required field: elements [json-pointer:{at}]"


def _anything(block: Block, at: str) -> Iterator[str]:
    return iter(())


def _element(element: Block, at: str, allowed: frozenset[str]) -> Iterator[str]:
    kind = str(element.get("type"))
    if kind not in allowed:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    if kind in _NEED_ACTION_ID and not element.get("action_id"):
        yield f"missing required field: action_id [json-pointer:{at}]"
    yield from _longest(str(element.get("action_id", "")), ID, f"{at}/action_id")
    if kind == "button":
        yield from _button(element, at)
    elif kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            yield from _feedback(element.get(name), f"{at}/{name}")
    elif kind in _WITH_OPTIONS:
        yield from _options(element.get("options"), f"{at}/options")


def _button(element: Block, at: str) -> Iterator[str]:
    yield from _text(element.get("text"), f"{at}/text", BUTTON_TEXT, _PLAIN)
    value = element.get("value", "")
    if not isinstance(value, str):
        yield f"must be a string [json-pointer:{at}/value]"
    yield from _longest(str(value), BUTTON_VALUE, f"{at}/value")
    yield from _longest(str(element.get("url", "")), URL, f"{at}/url")
    if element.get("style", "primary") not in ("primary", "danger"):
        yield f"must be a valid enum value [json-pointer:{at}/style]"


def _feedback(button: object, at: str) -> Iterator[str]:
    if not isinstance(button, dict):
        yield f"missing required field [json-pointer:{at}]"
        return
    yield from _text(button.get("text"), f"{at}/text", BUTTON_TEXT, _PLAIN)
    yield from _longest(str(button.get("value", "")), BUTTON_VALUE, f"{at}/value", least=1)


def _options(options: object, at: str) -> Iterator[str]:
    if not isinstance(options, list) or not 1 <= len(options) <= OPTIONS:
        yield f"must have between 1 and {OPTIONS} options [json-pointer:{at}]"
        return
    for number, option in enumerate(options):
        yield from _text(option.get("text"), f"{at}/{number}/text", 75, _EITHER)
        yield from _longest(str(option.get("value", "")), 150, f"{at}/{number}/value", least=1)


_WITH_OPTIONS = frozenset({"static_select", "overflow", "radio_buttons", "checkboxes"})
_SELECTS = frozenset({"users_select", "conversations_select", "channels_select"})
_IN_ACTIONS = frozenset({"button", "datepicker", "image"}) | _WITH_OPTIONS | _SELECTS
_IN_CONTEXT_ACTIONS = frozenset({"feedback_buttons", "icon_button"})
_IN_INPUTS = (
    frozenset({"plain_text_input", "number_input", "datepicker"})
    | _SELECTS
    | (_WITH_OPTIONS - {"overflow"})
)
_NEED_ACTION_ID = frozenset({"button"})
_KINDS = {"actions": _IN_ACTIONS, "context_actions": _IN_CONTEXT_ACTIONS}
_BLOCKS: dict[str, Check] = {
    "actions": _acting(25, "actions"),
    "context": _context,
    "context_actions": _acting(5, "context_actions"),
    "divider": _anything,
    "header": _header,
    "image": _image,
    "input": _input,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
    "task_card": _anything,
    "plan": _anything,
}
