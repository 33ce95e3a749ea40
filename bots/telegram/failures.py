"""What the library raises, in the words of assistant.errors: the one place that reads Telegram's.

| Telegram says | here it is | the delivery |
|---|---|---|
| 401, 404: a wrong token or address | CredentialsRefused | tries again each minute, for a day |
| 403: blocked, kicked, no member, deactivated | RecipientUnreachable | ends, quietly |
| 400: chat not found, no rights, topic closed or gone | RecipientUnreachable | ends, quietly |
| 400: upgraded to a supergroup, with its id | ChatMoved | goes on in the new chat |
| 400: message to edit not found, can't be edited | MessageGone | lets that message go |
| 400: message is not modified | – | it stands: success |
| 400: message is too long | – | the text is cut, and its end says so |
| 400: can't parse entities | – | the text goes plain |
| 400: anything else | ContentRefused | the person is told, in words |
| 429, with `retry_after` | RateLimited | waits as long as it is told |
| 5xx; 502, 504 or no answer to an edit | PlatformUnavailable | tries again, with growing pauses |
| 502, 504 or no answer to a post | SendOutcomeUnknown | looks before it posts again |
| nothing: it can't be reached | PlatformUnavailable | tries again, with growing pauses |

409 (another program asks for the updates, or a webhook is set) concerns the poller alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
)

from assistant.errors import (
    ChannelError,
    ChatMoved,
    ContentRefused,
    CredentialsRefused,
    MessageGone,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
)
from bots.telegram.request import FloodWait, ServerTrouble

NOT_MODIFIED = "message is not modified"
NOT_DELETABLE = "message can't be deleted"

_GONE = (
    "message to edit not found",
    "message to delete not found",
    "message to react not found",
    "message can't be edited",
    NOT_DELETABLE,
    "message_id_invalid",
    "message identifier is not specified",
)
_UNREACHABLE = (
    "chat not found",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "peer_id_invalid",
    "user not found",
    "message thread not found",
    "topic_closed",
    "topic_deleted",
    "group chat was deactivated",
    "chat_restricted",
    "chat_send_plain_forbidden",
    "user_is_blocked",
    "user is deactivated",
    "bot was kicked",
    "query is too old",
    "query id is invalid",
)
_TOO_LONG = ("message_too_long", "message is too long", "text is too long")
# The request did not leave this machine.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@contextmanager
def translated(*, repeatable: bool) -> Iterator[None]:
    """Raise what the calls inside raise as a ChannelError.

    `repeatable` when doing it twice does no harm: then an unknown outcome is PlatformUnavailable.
    """
    try:
        yield
    except TelegramError as error:
        raise translate(error, repeatable=repeatable) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # 200, and an answer that the library can't read: it was sent.
        unreadable = PlatformUnavailable if repeatable else SendOutcomeUnknown
        raise unreadable("Telegram's answer can't be read.") from error


def translate(error: TelegramError, *, repeatable: bool) -> ChannelError:
    match error:
        case FloodWait():
            return RateLimited(error.seconds)
        case InvalidToken():
            return CredentialsRefused(
                "Telegram does not accept the token (or the base URL is no Bot API server)."
            )
        case ChatMigrated():
            return ChatMoved(str(error.new_chat_id))
        case Forbidden():
            return RecipientUnreachable(error.message)
        case BadRequest():
            return _bad_request(error)
    if repeatable or _certainly_not_sent(error):
        return PlatformUnavailable(f"Telegram can't be reached: {error.message}")
    return SendOutcomeUnknown(f"Telegram may have taken the message: {error.message}")


def means_not_modified(error: BadRequest) -> bool:
    return NOT_MODIFIED in error.message.lower()


def means_not_deletable(error: BadRequest) -> bool:
    return NOT_DELETABLE in error.message.lower()


def means_too_long(error: BadRequest) -> bool:
    said = error.message.lower()
    return any(words in said for words in _TOO_LONG)


def means_entities_refused(error: BadRequest) -> bool:
    return "entit" in error.message.lower()


def _bad_request(error: BadRequest) -> ChannelError:
    said = error.message.lower()
    if any(words in said for words in _GONE):
        return MessageGone(error.message)
    if any(words in said for words in _UNREACHABLE):
        return RecipientUnreachable(error.message)
    return ContentRefused(error.message)


def _certainly_not_sent(error: TelegramError) -> bool:
    if isinstance(error, ServerTrouble):
        return not error.by_proxy
    return isinstance(error, NetworkError) and isinstance(error.__cause__, _NOT_SENT)
