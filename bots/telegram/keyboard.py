"""The buttons under a reply, and what they say when they are pressed."""

from __future__ import annotations

from typing import get_args

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from assistant.messages import ButtonAction
from assistant.phrases import Phrase, say

STOP = Phrase("button.stop")
RETRY, UP, DOWN = "🔄", "👍", "👎"

_LONGEST_ID = 18  # digits: what a bigint holds whatever they are


def stop_keyboard(turn_id: int, language: str) -> InlineKeyboardMarkup:
    """Under a reply that grows."""
    return _row((f"⏹ {say(STOP, language)}", "stop"), turn_id=turn_id)


def ended_keyboard(turn_id: int) -> InlineKeyboardMarkup:
    """Under the last message of a reply that is over: again, and thumbs."""
    return _row((RETRY, "retry"), (UP, "up"), (DOWN, "down"), turn_id=turn_id)


def pressed(data: str) -> tuple[ButtonAction, int] | None:
    """What a button of ours asks for, and of which turn; None for anything else."""
    name, _, turn = data.partition(":")
    if not (turn.isascii() and turn.isdigit() and len(turn) <= _LONGEST_ID):
        return None
    action = next((one for one in get_args(ButtonAction) if one == name), None)
    return None if action is None else (action, int(turn))


def _row(*buttons: tuple[str, ButtonAction], turn_id: int) -> InlineKeyboardMarkup:
    shown = [
        InlineKeyboardButton(label, callback_data=f"{action}:{turn_id}")
        for label, action in buttons
    ]
    return InlineKeyboardMarkup((shown,))
