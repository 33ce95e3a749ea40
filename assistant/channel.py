"""The channel port: how delivery shows a reply on a platform. Implemented in `bots/<channel>/`.

Each implementation is tested against a fake server of its platform, in `tests/contract/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.messages import ChatRef


@dataclass(frozen=True, slots=True)
class Pace:
    """What a platform takes: the shortest time between two calls that write into one chat, in the
    long run, in seconds; and the account's budget for all chats together, in calls per second.

    A growing reply is edited no more often than each `edit_seconds`: where that is a little
    longer, room gathers for what needs two calls at once.
    """

    private_interval_seconds: float
    group_interval_seconds: float
    account_calls_per_second: float
    private_edit_seconds: float = 0.0
    group_edit_seconds: float = 0.0


class Channel(Protocol):
    """One account of ours on one platform. Errors: `assistant.errors.ChannelError` only."""

    @property
    def name(self) -> str:
        """telegram, slack, …"""
        ...

    @property
    def account(self) -> str: ...

    @property
    def pace(self) -> Pace: ...

    def split(self, text: str) -> Sequence[str]:
        """Cut a reply (the model's Markdown) into the texts of successive platform messages.

        Pure. Stable under growth: appending to `text` changes only the last piece or adds
        pieces after it. Never empty for a text that is not blank.
        """
        ...

    async def post(self, chat: ChatRef, *, turn_id: int, key: str, reply_to: str) -> str:
        """Post an empty placeholder as a new message and return the platform's message id.

        `reply_to` is the message id of the question. `key` goes with the message where the
        platform keeps such a thing, for `find`. Raises SendOutcomeUnknown when the platform may
        have taken the message although no id came back.
        """
        ...

    async def find(self, chat: ChatRef, key: str, *, reply_to: str) -> str | None:
        """The message id of a post with this key, "" when it certainly isn't there; None where
        the platform gives no way to know."""
        ...

    async def edit(
        self, chat: ChatRef, message_id: str, text: str, *, turn_id: int, final: bool
    ) -> None:
        """Replace the message's text. An edit that changes nothing is success."""
        ...

    async def delete(self, chat: ChatRef, message_id: str) -> None:
        """Remove a message of ours. One that is gone already is success."""
        ...

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        """Show on a person's message that it was taken in and waits its turn."""
        ...

    async def typing(self, chat: ChatRef) -> None:
        """Show that something is being written, where the platform can; else do nothing."""
        ...

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        """Post a short notice of Outrider's own (help, refusal, error) in plain text."""
        ...
