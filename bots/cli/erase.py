"""`outrider erase`: what is kept of a conversation or a person, and its end."""

from __future__ import annotations

import typer

from assistant.answering.deltas import EXPIRE_SECONDS
from assistant.errors import AssistantError
from assistant.orders.erasure import Erasure
from assistant.orders.holdings import ConversationHoldings, Holdings, PersonHoldings
from bots.cli.beside import Beside, open_beside
from bots.settings import Settings

UNDECIDED = "Nothing is erased yet, and an erasure can't be undone: add --yes to erase all of it."
ERASED = "It is erased. What the platforms show stays with them."
REDIS_EXPIRES = (
    "Redis can't be reached from here: pieces of the last replies that it may hold expire "
    f"within {EXPIRE_SECONDS // 60} minutes."
)


async def conversation(settings: Settings, conversation_id: int, *, yes: bool) -> None:
    """Raises AssistantError for an unknown id, and SystemExit while it isn't agreed to."""
    async with open_beside(settings) as beside:
        found = await Holdings(beside.database).conversation(conversation_id)
        if found is None:
            raise AssistantError(
                f"There is no conversation {conversation_id}: 'outrider turns --state all' shows "
                "the ids of conversations and persons."
            )
        typer.echo(f"Conversation {conversation_id}: {_of_conversation(found)}.")
        _agree(yes)
        await Erasure(beside.database, beside.redis).conversation(conversation_id)
        _say_erased(beside)


async def person(settings: Settings, person_id: int, *, yes: bool) -> None:
    """Raises AssistantError for an unknown id, and SystemExit while it isn't agreed to."""
    async with open_beside(settings) as beside:
        found = await Holdings(beside.database).person(person_id)
        if found is None:
            raise AssistantError(
                f"There is no person {person_id}: 'outrider turns --state all' shows the ids of "
                "conversations and persons."
            )
        typer.echo(f"Person {person_id}: {_of_person(found)}.")
        _agree(yes)
        await Erasure(beside.database, beside.redis).person(person_id)
        _say_erased(beside)


def _of_conversation(found: ConversationHoldings) -> str:
    thread = f", thread {found.thread_id}" if found.thread_id else ""
    return (
        f"{found.kind} chat {found.chat_id}{thread} on {found.channel} (account {found.account}), "
        f"{_count(found.messages, 'message')} in {_count(found.turns, 'turn')}"
    )


def _of_person(found: PersonHoldings) -> str:
    known = ", ".join(
        f"{one.platform_id or 'everybody'} on {one.channel} (account {one.account})"
        for one in found.identities
    )
    return (
        f"{found.name or 'without a name'}, {known or 'on no channel'}, "
        f"{_count(found.messages, 'message')}, "
        f"{_count(found.private_conversations, 'private conversation')}, "
        f"{_count(found.groups, 'group')}"
    )


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _agree(yes: bool) -> None:
    if not yes:
        typer.echo(UNDECIDED)
        raise SystemExit(1)


def _say_erased(beside: Beside) -> None:
    typer.echo(ERASED)
    if beside.redis is None:
        typer.echo(REDIS_EXPIRES)
