"""What all methods share: finding what a call names, or refusing it as Telegram does."""

from __future__ import annotations

from tests.fakes.telegram.asking import Asking
from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message, Version
from tests.fakes.telegram.entities import Formatted
from tests.fakes.telegram.refusals import Refused, bad_request, forbidden


class Calling:
    def __init__(self, world: Asking, bot: FakeBot) -> None:
        self.world = world
        self.bot = bot

    def readable(self, params: Fields) -> Chat:
        """The chat that is named, where the bot may look into it. Raises Refused."""
        given = str(params.get("chat_id", ""))
        if not given:
            raise bad_request("chat_id is empty")
        chat = self.world.known_chat(self.bot, whole_number(given))
        if chat is None:
            raise bad_request("chat not found")
        if self.bot.bot_id in chat.kicked:
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        if self.bot.bot_id in chat.absent:
            raise forbidden(f"bot is not a member of the {chat.kind} chat")
        return chat

    def reachable(self, params: Fields) -> Chat:
        """A chat in which the bot may still edit and delete."""
        chat = self.readable(params)
        if chat.moved_to is not None:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                parameters={"migrate_to_chat_id": chat.moved_to},
            )
        if chat.shut:
            raise forbidden(chat.shut)
        return chat

    def writable(self, params: Fields) -> Chat:
        chat = self.reachable(params)
        if chat.rights:
            raise bad_request(chat.rights)
        return chat

    def existing(self, chat: Chat, params: Fields, verb: str) -> Message:
        """The message that is named, if it still stands there."""
        if not params.get("message_id"):
            raise bad_request("message identifier is not specified")
        message = chat.messages.get(whole_number(params["message_id"]))
        if message is None or message.deleted_at is not None:
            raise bad_request(f"message to {verb} not found")
        return message

    def thread(self, chat: Chat, params: Fields) -> int | None:
        if "message_thread_id" not in params:
            return None
        thread = whole_number(params["message_thread_id"])
        if thread in chat.messages and not chat.about.get("is_forum"):
            return None  # a chain of replies, which is no place of its own
        if thread not in chat.threads:
            raise bad_request("message thread not found")
        if thread in chat.closed_threads and self.bot.bot_id not in chat.admins:
            raise bad_request("TOPIC_CLOSED")
        return thread

    def replied(self, chat: Chat, reply: Fields | None) -> int | None:
        if not reply:
            return None
        message = chat.messages.get(whole_number(reply.get("message_id")))
        if message is not None and message.deleted_at is None:
            return message.message_id
        if not reply.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return None


def version_of(shown: Formatted, at: float, markup: Fields | None) -> Version:
    return Version(at, shown.text, shown.entities, markup, shown.lost, shown.found)


def whole_number(value: object) -> int:
    """0 for what is none, as Telegram reads it."""
    try:
        return int(str(value))
    except ValueError:
        return 0
