"""What chat templates want: roles that alternate."""

from __future__ import annotations

from assistant.answering.context import merged
from inference.api import ChatMessage


def test_neighbours_of_one_role_become_one_message() -> None:
    given = [
        ChatMessage("system", "Be kind."),
        ChatMessage("user", "One"),
        ChatMessage("user", "Two"),
        ChatMessage("assistant", "Yes"),
        ChatMessage("user", "Three"),
    ]
    assert merged(given) == [
        ChatMessage("system", "Be kind."),
        ChatMessage("user", "One\n\nTwo"),
        ChatMessage("assistant", "Yes"),
        ChatMessage("user", "Three"),
    ]


def test_nothing_stays_nothing() -> None:
    assert merged([]) == []
