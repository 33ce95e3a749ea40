"""What can go wrong in the conversation service and on the way to a platform.

AssistantError
├── StorageUnavailable     Postgres can't be reached; nothing was stored (retryable)
├── MessageRefused         the message can't be accepted; `phrase` tells the person why
│   ├── QueueFull              too much waits; nothing was stored, try after `retry_after_seconds`
│   ├── UnderMaintenance       an admin lets nothing in for a while; nothing was stored
│   └── QuotaSpent             a quota is used up; nothing was stored, try after as long
├── Silenced               the message isn't accepted, and nobody is told (again)
├── TurnNotFound           no such turn, or not this person's
├── SearchRefused          what was looked for can't be; `str()` says what to write
├── ContentClosed          the settings let admins read nothing of it; `str()` says so
├── KeyRefused             a key of the API can't be made or revoked as asked
├── ChangeRefused          what an admin wants changed can't be; `str()` says what to do
│   ├── ChangedMeanwhile       somebody else has changed it since it was looked at
│   ├── BroadcastRefused       a broadcast can't be sent or stopped as asked
│   └── DirectiveRefused       a process can't be told, or can't do, what is asked
├── EmbeddingFailed        no embeddings; `code` says why, `str()` in a sentence
├── DeliveryLost           another replica delivers the reply now; call nothing more
├── StartupError           Outrider can't start; `str()` says what to do
│   └── SchemaOutdated         the database waits for `outrider db upgrade`
└── ChannelError           a call to a platform failed
    ├── RateLimited            honour `retry_after_seconds` (retryable)
    ├── SendOutcomeUnknown     the call may or may not have taken effect
    ├── PlatformUnavailable    5xx or unreachable, and certainly not sent (retryable)
    ├── MessageGone            the message to edit or delete does not exist any more
    ├── RecipientUnreachable   blocked, kicked, chat not found, no right to write
    ├── ChatMoved              the chat has another id now, `to_chat_id`; nothing was done
    ├── ContentRefused         the platform does not take this text (formatting, length)
    └── CredentialsRefused     the account's token is wrong or was revoked
"""

from __future__ import annotations

from collections.abc import Mapping

from assistant.phrases import Phrase


class AssistantError(Exception):
    code = "assistant_error"
    retryable = False


class StorageUnavailable(AssistantError):
    code = "storage_unavailable"
    retryable = True


class MessageRefused(AssistantError):
    """`phrase` tells the person why, in their language; `str()` in English."""

    code = "message_refused"

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(str(phrase))
        self.phrase = phrase


class QueueFull(MessageRefused):
    code = "queue_full"
    retryable = True
    retry_after_seconds = 30.0


class UnderMaintenance(MessageRefused):
    code = "maintenance"
    retryable = True
    retry_after_seconds = 300.0


class QuotaSpent(MessageRefused):
    code = "quota_spent"
    retryable = True

    def __init__(self, phrase: Phrase, retry_after_seconds: float) -> None:
        super().__init__(phrase)
        self.retry_after_seconds = retry_after_seconds


class Silenced(AssistantError):
    code = "silenced"


class SearchRefused(AssistantError):
    """`code` and `values` say it in the languages of the dashboard; `str()` in English."""

    def __init__(self, code: str, sentence: str, **values: int) -> None:
        super().__init__(sentence)
        self.code = code
        self.values = values


class ContentClosed(AssistantError):
    code = "content_closed"


class TurnNotFound(AssistantError):
    code = "turn_not_found"


class KeyRefused(AssistantError):
    code = "key_refused"


class ChangeRefused(AssistantError):
    """`code` and `values` say it in the languages of the dashboard; `str()` in English."""

    def __init__(self, code: str, sentence: str, values: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.values = values or {}


class ChangedMeanwhile(ChangeRefused):
    pass


class BroadcastRefused(ChangeRefused):
    pass


class DirectiveRefused(ChangeRefused):
    def __init__(self, sentence: str) -> None:
        super().__init__("directive_refused", sentence)


class EmbeddingFailed(AssistantError):
    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class DeliveryLost(AssistantError):
    code = "delivery_lost"


class StartupError(AssistantError):
    code = "startup"


class SchemaOutdated(StartupError):
    code = "schema_outdated"


class ChannelError(AssistantError):
    code = "channel_error"


class RateLimited(ChannelError):
    code = "rate_limited"
    retryable = True

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"The platform asks for a pause of {retry_after_seconds:g} s.")
        self.retry_after_seconds = retry_after_seconds


class SendOutcomeUnknown(ChannelError):
    code = "send_outcome_unknown"


class PlatformUnavailable(ChannelError):
    code = "platform_unavailable"
    retryable = True


class MessageGone(ChannelError):
    code = "message_gone"


class StoppedByPerson(ChannelError):
    """The growing message was stopped at the platform itself."""

    code = "stopped_by_person"


class RecipientUnreachable(ChannelError):
    code = "recipient_unreachable"


class ChatMoved(ChannelError):
    code = "chat_moved"

    def __init__(self, to_chat_id: str) -> None:
        super().__init__("The chat goes on under another id.")
        self.to_chat_id = to_chat_id


class ContentRefused(ChannelError):
    code = "content_refused"


class CredentialsRefused(ChannelError):
    code = "credentials_refused"
