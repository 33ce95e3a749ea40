"""What chat templates want, roles that alternate, and what a prefix cache wants: one beginning."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from assistant.answering.context import merged, start_of
from assistant.answering.system_prompt import system_prompt
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


def test_a_history_that_moves_on_by_a_turn_mostly_begins_where_it_began() -> None:
    """40 turns of a conversation, in a house where others ask as well: ids with gaps."""
    ids = [3 * number + number % 7 for number in range(400)]
    begins = [ids[now : now + 41][start_of(ids[now : now + 41], 1)] for now in range(300)]
    changes = sum(one != other for one, other in pairwise(begins))
    assert changes < 300 / 3, "else the engine finds nothing of it in its cache"
    assert begins == sorted(begins)


@given(
    turns=st.lists(st.integers(1, 10**6), min_size=1, max_size=50, unique=True),
    least=st.integers(0, 60),
)
def test_what_has_to_go_goes_and_the_turn_to_answer_stays(turns: list[int], least: int) -> None:
    start = start_of(turns, least)
    assert min(least, len(turns) - 1) <= start <= len(turns) - 1
    assert start <= least + len(turns) // 4


def test_what_all_share_comes_before_what_is_one_persons() -> None:
    told = ("You are helpful.", "Explain step by step.")
    shared = system_prompt(*told, {})
    one = system_prompt(*told, {"language": "de"})
    other = system_prompt(*told, {"memories": ["I live in Lisbon"]})
    assert one.startswith(shared) and other.startswith(shared)
    assert one != other
