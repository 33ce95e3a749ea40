"""The values that travel through the house: what came in, and what goes out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from assistant.phrases import Phrase
from inference.api import ToolCall

ChatKind = Literal["private", "group"]
# Who may talk to an account: everybody, those on a list, or those whom an admin paired.
Access = Literal["open", "allowlist", "pairing"]
CommandName = Literal[
    "start", "help", "new", "stop", "retry", "persona", "lang", "model", "usage", "memory",
    "export", "forget", "about", "quiet", "pair", "link", "privacy", "news",
]  # fmt: skip
# What a button under a reply asks for; `up` and `down` are thumbs.
ButtonAction = Literal["stop", "retry", "up", "down"]
# A thread is what was said before a message that was the first of its thread to reach us.
AttachmentKind = Literal["image", "text", "thread"]
TurnState = Literal["queued", "running", "done", "stopped", "cancelled", "failed"]

FINAL_STATES: frozenset[str] = frozenset({"done", "stopped", "cancelled", "failed"})


@dataclass(frozen=True, slots=True)
class ChatRef:
    """Where a conversation takes place, in the platform's own ids."""

    channel: str  # telegram, slack, web, api
    account: str  # the account's name on that channel; "default" for the environment's token
    chat_id: str
    thread_id: str = ""  # topic or thread; empty where there is none
    kind: ChatKind = "private"


@dataclass(frozen=True, slots=True)
class Membership:
    """What the platform says of a sender: the workspace that they belong to, where it has such,
    and whether they administer the one that our bot is in."""

    workspace: str = ""
    admin: bool = False


NO_MEMBER = Membership()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, as the platform describes it; 0 is unknown.

    `data` is None until it is fetched. It stays None where the file can't be had or can't be
    taken: then the model is told that it came. While it is `awaited` it is being fetched, and the
    answer waits for it (`Assistant.complete`). Of an `opened` PDF `data` is the text.
    """

    kind: AttachmentKind
    file_id: str  # the platform's
    name: str = ""
    media_type: str = ""
    size_bytes: int = 0
    width: int = 0  # of an image, in pixels
    height: int = 0
    characters: int = 0  # of a text, before it was cut to what fits
    data: bytes | None = None
    awaited: bool = False
    opened: bool = False


@dataclass(slots=True)
class Arrival:
    """When an event came to us, and when its platform was told "received", on the monotonic clock.

    Whoever takes events makes one, and fills it in; None where it was not told yet.
    """

    received: float = field(default_factory=time.monotonic)
    acknowledged: float | None = None

    def acknowledge(self) -> None:
        """It is told just now."""
        self.acknowledged = time.monotonic()


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message that is addressed to the assistant.

    `event_id` is the platform's id of this delivery (redeliveries repeat it);
    `message_id` is the message's id in its chat (twins that come as two events share it).
    """

    chat: ChatRef
    event_id: str
    message_id: str
    sender_id: str
    sender_name: str
    text: str
    language: str = ""  # of the sender's program, as the platform names it: "de", "pt-br"
    from_bot: bool = False  # another bot wrote it
    attachments: tuple[Attachment, ...] = ()
    album: str = ""  # the platform's id of the album that the message is a part of
    member: Membership = NO_MEMBER
    arrival: Arrival | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Command:
    """An order to Outrider itself (`/stop`, `!new`), never part of the conversation."""

    chat: ChatRef
    name: CommandName
    sender_id: str
    sender_name: str
    message_id: str = ""
    argument: str = ""  # what was written behind the name
    about: str = ""  # the message that the order replies to
    language: str = ""
    member: Membership = NO_MEMBER


@dataclass(frozen=True, slots=True)
class Edited:
    """The person changed the text of a message. The message may be one that we never stored.

    `asked` is the message as it reads now, where it is addressed to the assistant: what is asked
    if it was not before.
    """

    chat: ChatRef
    event_id: str
    message_id: str
    sender_id: str
    text: str
    asked: IncomingMessage | None = None
    member: Membership = NO_MEMBER


@dataclass(frozen=True, slots=True)
class Deleted:
    """The person deleted a message. The message may be one that we never stored."""

    chat: ChatRef
    message_id: str


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """A button under a reply. `turn_id` comes from outside: it may name any turn.

    `event_id` is the platform's id of the press, which a redelivery repeats; empty where it gives
    none.
    """

    chat: ChatRef
    action: ButtonAction
    turn_id: int
    sender_id: str
    message_id: str = ""  # the message that the button is under
    event_id: str = ""
    sender_name: str = ""
    language: str = ""
    member: Membership = NO_MEMBER


@dataclass(frozen=True, slots=True)
class Notice:
    """Something addressed to the assistant that can't be taken: `phrase` tells the person."""

    chat: ChatRef
    phrase: Phrase
    reply_to: str = ""
    sender_id: str = ""
    language: str = ""
    sender_name: str = ""
    member: Membership = NO_MEMBER


@dataclass(frozen=True, slots=True)
class Moved:
    """The platform gave the chat another id: all goes on there."""

    chat: ChatRef
    to_chat_id: str


@dataclass(frozen=True, slots=True)
class Presence:
    """We were let into a chat, or put out of it; in a private chat: unblocked, or blocked."""

    chat: ChatRef
    present: bool
    sender_id: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do. `reason` is a short snake_case word for the log."""

    reason: str


Incoming = (
    IncomingMessage | Command | Edited | Deleted | ButtonPressed | Notice | Moved | Presence
    | Ignored
)  # fmt: skip
"""What a channel's parser makes of one event of its platform."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks by the API: an identity of its account, which each key has of its own; empty for the
    key of the settings."""

    id: str = ""
    name: str = "API"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an incoming message: committed, whichever it is.

    `turn_id` is the turn that answers it; `duplicate` when it had come before.
    `joined` when a turn that was already there took it in; `restarted` is then the attempt that
    was given up for it, if one ran. `waits` when another turn of the conversation runs before it.
    `worker`: who answered the conversation last, if they have room. `message_id` is ours of the
    message; 0 for a duplicate.
    """

    turn_id: int
    duplicate: bool = False
    joined: bool = False
    restarted: int | None = None
    waits: bool = False
    worker: str | None = None
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A file for a person."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What an order is answered with: a text of Outrider's own, and perhaps a file."""

    text: str
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class ReplyDelta:
    """A piece of a reply as readers see it.

    `offset` is where `text` begins in the reply, in characters (code points). A reader that holds
    more than `offset` characters truncates to it first. Deltas of an older `attempt` than the
    newest seen are dropped. The last one has `state`, one of FINAL_STATES; `error` is then the
    sentence for the person if it failed and `error_code` the error's code, and what follows it
    is the whole reply's usage (0 and empty where unknown), and what it called in place of an
    answer, or beside one.
    """

    turn_id: int
    attempt: int
    offset: int
    text: str
    state: TurnState | None = None
    error: str = ""
    error_code: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str = ""  # stop, length, tool_calls, content_filter, abort, canned, blocked
    tool_calls: tuple[ToolCall, ...] = ()
    stop_reason: str | int | None = None  # the stop string, or the token, that ended it
    cached_tokens: int = 0  # of the prompt's


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One message or reply of a conversation, as a page shows it."""

    role: Literal["user", "assistant"]
    text: str
    turn_id: int
    state: TurnState
    error: str = ""


def clean(text: str) -> str:
    """What Postgres and tokenizers can hold: no NUL, no lone surrogate."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
