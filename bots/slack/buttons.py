"""The buttons under a reply: Stop while it grows; again and thumbs under its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from assistant.messages import ButtonAction, ButtonPressed, Ignored, Incoming
from assistant.phrases import Phrase, say
from bots.slack.identity import BotIdentity, chat_of, is_outsider
from bots.slack.reading.text import readable

FEEDBACK_ACTION = "feedback"
RETRY, UP, DOWN = "🔄", "👍", "👎"

_STOP = Phrase("button.stop")
_GOOD = Phrase("button.good")
_BAD = Phrase("button.bad")
_LONGEST_ID = 18  # digits: what a bigint holds whatever they are

Block = dict[str, Any]


def stop_block(turn_id: int, language: str) -> Block:
    """Under a reply that grows."""
    return _actions(turn_id, _button("stop", say(_STOP, language), turn_id))


def ended_blocks(turn_id: int, language: str, *, plain: bool) -> list[Block]:
    """Under the last message of a reply that is over. `plain`: where Slack takes no feedback
    buttons of its own."""
    again = _button("retry", RETRY, turn_id)
    if plain:
        thumbs = _button("up", UP, turn_id), _button("down", DOWN, turn_id)
        return [_actions(turn_id, again, *thumbs)]
    feedback = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK_ACTION,
        "positive_button": _rating(say(_GOOD, language), f"up:{turn_id}"),
        "negative_button": _rating(say(_BAD, language), f"down:{turn_id}"),
    }
    rating = {
        "type": "context_actions",
        "block_id": f"feedback-{turn_id}",
        "elements": [feedback],
    }
    return [_actions(turn_id, again), rating]


def parse_press(payload: object, account: str, bot: BotIdentity, *, outsiders: bool) -> Incoming:
    """A press of one of our buttons; every other interaction is ignored."""
    outer = _mapping(payload)
    actions = outer.get("actions")
    if outer.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return Ignored("unknown_interaction")
    action, message = _mapping(actions[0]), _mapping(outer.get("message"))
    asked = _asked(action)
    if asked is None:
        return Ignored("unknown_interaction")
    user = _mapping(outer.get("user"))
    channel_id, sender_id = _text(_mapping(outer.get("channel")), "id"), _text(user, "id")
    ts = _text(message, "ts")
    if not (channel_id and sender_id and ts):
        return Ignored("malformed")
    if not outsiders and is_outsider(_text(user, "team_id"), bot):
        return Ignored("outsider")
    return ButtonPressed(
        chat_of(account, channel_id, ts, _text(message, "thread_ts")),
        *asked,
        sender_id,
        ts,
        event_id=_press_id(action, sender_id),
        sender_name=readable(_text(user, "username") or sender_id),
    )


def _asked(action: Mapping[str, Any]) -> tuple[ButtonAction, int] | None:
    name, value = _text(action, "action_id"), _text(action, "value")
    if name == FEEDBACK_ACTION:
        name, _, value = value.partition(":")
    if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID):
        return None
    known = next((one for one in get_args(ButtonAction) if one == name), None)
    return None if known is None else (known, int(value))


def _press_id(action: Mapping[str, Any], sender_id: str) -> str:
    """A press that comes again has the same time."""
    at = _text(action, "action_ts")
    name = _text(action, "action_id")
    return f"press:{sender_id}:{name}:{at}" if at else ""


def _actions(turn_id: int, *buttons: Block) -> Block:
    return {"type": "actions", "block_id": f"turn-{turn_id}", "elements": list(buttons)}


def _button(action: ButtonAction, label: str, turn_id: int) -> Block:
    text = {"type": "plain_text", "text": label, "emoji": True}
    return {"type": "button", "action_id": action, "text": text, "value": str(turn_id)}


def _rating(label: str, value: str) -> Block:
    return {"text": {"type": "plain_text", "text": label}, "value": value}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""
