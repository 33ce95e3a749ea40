"""The channel port: how delivery shows a reply on a platform. Implemented in `bots/<channel>/`.

Each implementation is tested against a fake server of its platform, in `tests/contract/`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from assistant.messages import ChatRef, Document


@dataclass(frozen=True, slots=True)
class Pace:
    """What a platform takes: the shortest time between two calls that write into one chat, in the
    long run, in seconds; and the account's budget for all chats together: so many calls in any
    `account_seconds`.

    A growing reply is edited no more often than each `edit_seconds`: where that is a little
    longer, room gathers for what needs two calls at once.

    `meter`: calls that the platform counts apart from others have one of their own.
    `by_thread`: each thread has the chat's budget for itself.
    """

    private_interval_seconds: float
    group_interval_seconds: float
    account_calls: float
    private_edit_seconds: float = 0.0
    group_edit_seconds: float = 0.0
    account_seconds: float = 1.0
    meter: str = ""
    by_thread: bool = False


# What a call does, as far as platforms count such calls apart: a new message, an edit of a growing
# reply, its last edit, or anything else.
Act = Literal["post", "edit", "final", "other"]


class Notices(Protocol):
    """Where Outrider's own words are said, outside of replies: a channel, or what stands for one.
    Errors: `assistant.errors.ChannelError` only."""

    @property
    def name(self) -> str:
        """telegram, slack, …"""
        ...

    @property
    def account(self) -> str: ...

    async def typing(self, chat: ChatRef) -> None:
        """Show that something is being written, where the platform can; else do nothing."""
        ...

    async def say(self, chat: ChatRef, text: str, *, reply_to: str = "") -> None:
        """Post a short notice of Outrider's own (help, refusal, error) in plain text."""
        ...

    async def say_document(
        self, chat: ChatRef, document: Document, caption: str, *, reply_to: str = ""
    ) -> bool:
        """Post a file of Outrider's own. False where the channel can't: nothing was posted."""
        ...


FAILED = "⚠ "  # before the sentence that ends a reply which failed


@dataclass(frozen=True, slots=True)
class Look:
    """How a message of a reply looks.

    `final`: this text stays. `last`: the reply is over and this is its last message, where a person
    can ask for another answer or rate this one. Buttons, which name the turn, are in `language`.
    `failed`: from its last FAILED on, the text is Outrider's own sentence.
    """

    text: str
    turn_id: int
    final: bool
    last: bool = False
    language: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An empty message that a reply is to grow in.

    `key` goes with it where the platform keeps such a thing, for `find`. `reply_to` is the message
    id of the question, `asker` the platform's id of who asked. Buttons are in `language`.
    `stream`: open one, where the platform lets it; `stream_pace` was asked before.
    """

    turn_id: int
    key: str
    reply_to: str
    language: str = ""
    asker: str = ""
    stream: bool = False


class Channel(Notices, Protocol):
    """One account of ours on one platform."""

    def pace_of(self, act: Act, message_id: str = "") -> Pace:
        """`message_id`: of what is edited."""
        ...

    def stream_pace(self, chat: ChatRef) -> Pace | None:
        """Of posts that open a stream, where the platform has streams: its growing text needs
        fewer calls, or shows sooner. None where there are none."""
        ...

    @property
    def message_characters(self) -> int:
        """About so many fit into one message: when the text outgrows it, another is needed soon."""
        ...

    def split(self, text: str) -> Sequence[str]:
        """Cut a reply (the model's Markdown) into the texts of successive platform messages.

        Pure. Stable under growth: appending to `text` changes only the last piece or adds
        pieces after it. Never empty for a text that is not blank.
        """
        ...

    def shows(self, text: str) -> bool:
        """Whether anything is seen of a reply that begins so: its first marks may not be."""
        ...

    async def post(self, chat: ChatRef, placeholder: Placeholder) -> str:
        """Post an empty placeholder as a new message and return the platform's message id.

        Raises SendOutcomeUnknown when the platform may have taken the message although no id came
        back.
        """
        ...

    async def find(
        self, chat: ChatRef, key: str, *, reply_to: str, known: Collection[str] = ()
    ) -> str | None:
        """The message id of a post with this key, "" when it certainly isn't there; None where
        the platform gives no way to know. `known`: the reply's other messages."""
        ...

    async def edit(self, chat: ChatRef, message_id: str, look: Look) -> None:
        """Bring the message to this look. An edit that changes nothing is success.

        Raises StoppedByPerson where the person stopped the growing message at the platform.
        """
        ...

    async def status(
        self, chat: ChatRef, language: str, *, shown: bool = True, before: int = 0
    ) -> bool:
        """Show, or show no more, that an answer is being prepared, without a message: none is
        posted then before there is text. `before`: how many are answered first. False where the
        platform has no such thing."""
        ...

    async def draft(self, chat: ChatRef, text: str, *, turn_id: int) -> bool:
        """Show a growing text without a message, which is gone by itself after a while. False
        where there are no drafts, or none are wanted; empty: that something is being written."""
        ...

    async def delete(self, chat: ChatRef, message_id: str, language: str = "") -> None:
        """Remove a message of ours. One that is gone already is success; one that the platform
        keeps says in `language` that it was removed."""
        ...

    async def mark_waiting(self, chat: ChatRef, message_id: str) -> None:
        """Show on a person's message that it was taken in and waits its turn."""
        ...
