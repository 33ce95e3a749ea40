"""The methods of the Bot API that Outrider calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.telegram.chats import Chat, Message, Version
from tests.fakes.telegram.content import check_keyboard, checked_reactions, checked_text
from tests.fakes.telegram.flood import FloodControl
from tests.fakes.telegram.refusals import Refused, bad_request, forbidden
from tests.fakes.telegram.updates import UpdateQueue

Params = dict[str, Any]
DELETABLE_SECONDS = 48 * 3600
ACTIONS = frozenset({"typing", "upload_photo", "upload_document", "choose_sticker"})


class Methods:
    def __init__(
        self, bot: dict[str, Any], flood: FloodControl, queue: UpdateQueue, now: Callable[[], float]
    ) -> None:
        self.bot = bot
        self.flood = flood
        self.queue = queue
        self.now = now
        self.chats: dict[int, Chat] = {}
        self.queries: set[str] = set()  # pressed buttons that wait for an answer
        self.commands: list[dict[str, Any]] = []
        self.webhook: Params = {}
        self.files: dict[str, bytes] = {}

    async def call(self, name: str, params: Params) -> Any:
        """Raises Refused."""
        method = getattr(self, f"_{name.lower()}", None)
        if method is None:
            raise Refused(404, "Not Found")
        return await method(params)

    async def _getme(self, params: Params) -> Any:
        return self.bot

    async def _getupdates(self, params: Params) -> Any:
        if self.webhook:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
                "to delete the webhook first",
            )
        if "allowed_updates" in params:
            self.queue.allowed = params["allowed_updates"]
        limit = min(int(params.get("limit", 100)), 100)
        return await self.queue.take(
            int(params.get("offset", 0)), limit, float(params.get("timeout", 0))
        )

    async def _sendmessage(self, params: Params) -> Any:
        chat = self._writable(params)
        entities = params.get("entities", [])
        text = checked_text(str(params.get("text", "")), entities, "message is too long")
        check_keyboard(params.get("reply_markup"))
        thread = self._thread(chat, params)
        reply_to = self._replied(chat, params.get("reply_parameters"))
        self.flood.check(chat.chat_id)
        version = Version(self.now(), text, entities, params.get("reply_markup"))
        message = Message(chat.chat_id, chat.next_id, self.bot, [version], thread, reply_to)
        return chat.payload(chat.add(message))

    async def _editmessagetext(self, params: Params) -> Any:
        chat = self._writable(params)
        message = self._existing(chat, params, "edit")
        if not message.from_bot:
            raise bad_request("message can't be edited")
        entities = params.get("entities", [])
        text = checked_text(str(params.get("text", "")), entities, "MESSAGE_TOO_LONG")
        check_keyboard(params.get("reply_markup"))
        self.flood.check(chat.chat_id)
        last, markup = message.versions[-1], params.get("reply_markup")
        if (last.text, last.entities, last.reply_markup) == (text, entities, markup):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.versions.append(Version(self.now(), text, entities, markup))
        return chat.payload(message)

    async def _deletemessage(self, params: Params) -> Any:
        chat = self._writable(params)
        message = self._existing(chat, params, "delete")
        if self.now() - message.versions[0].at >= DELETABLE_SECONDS:
            raise bad_request("message can't be deleted for everyone")
        message.deleted_at = self.now()
        return True

    async def _setmessagereaction(self, params: Params) -> Any:
        chat = self._writable(params)
        message = self._existing(chat, params, "react")
        message.reactions = checked_reactions(params.get("reaction", []), chat.reactions_allowed)
        return True

    async def _sendchataction(self, params: Params) -> Any:
        chat = self._writable(params)
        if params.get("action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._thread(chat, params)
        chat.actions.append((self.now(), params["action"]))
        return True

    async def _answercallbackquery(self, params: Params) -> Any:
        if params.get("callback_query_id") not in self.queries:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        self.queries.discard(params["callback_query_id"])
        return True

    async def _setmycommands(self, params: Params) -> Any:
        self.commands = params["commands"]
        return True

    async def _setwebhook(self, params: Params) -> Any:
        self.webhook = params if params.get("url") else {}
        if "allowed_updates" in params:
            self.queue.allowed = params["allowed_updates"]
        self._drop(params)
        return True

    async def _deletewebhook(self, params: Params) -> Any:
        self.webhook = {}
        self._drop(params)
        return True

    async def _getfile(self, params: Params) -> Any:
        name = str(params.get("file_id", ""))
        if name not in self.files:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        content = self.files[name]
        return {
            "file_id": name,
            "file_unique_id": name,
            "file_size": len(content),
            "file_path": f"documents/{name}",
        }

    def _drop(self, params: Params) -> None:
        if params.get("drop_pending_updates") is True:
            self.queue.pending.clear()

    def _writable(self, params: Params) -> Chat:
        chat = self.chats.get(int(params.get("chat_id", 0)))
        if chat is None:
            raise bad_request("chat not found")
        if chat.shut:
            raise forbidden(chat.shut)
        return chat

    def _existing(self, chat: Chat, params: Params, verb: str) -> Message:
        message = chat.messages.get(int(params.get("message_id", 0)))
        if message is None or message.deleted_at is not None:
            raise bad_request(f"message to {verb} not found")
        return message

    def _thread(self, chat: Chat, params: Params) -> int | None:
        if "message_thread_id" not in params:
            return None
        if int(params["message_thread_id"]) not in chat.threads:
            raise bad_request("message thread not found")
        return int(params["message_thread_id"])

    def _replied(self, chat: Chat, reply: Params | None) -> int | None:
        if not reply:
            return None
        message = chat.messages.get(reply["message_id"])
        if message is not None and message.deleted_at is None:
            return message.message_id
        if not reply.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return None
