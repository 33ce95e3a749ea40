"""Messages: send, answer, react, delete; and the sign that one is being written."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Chat, Fields, Message
from tests.fakes.telegram.content import (
    ACTIONS,
    check_keyboard,
    checked_caption,
    checked_reactions,
    checked_text,
)
from tests.fakes.telegram.entities import Formatted, units
from tests.fakes.telegram.methods.calling import Calling, version_of
from tests.fakes.telegram.methods.uploads import UPLOAD_BYTES, Upload
from tests.fakes.telegram.refusals import Refused, bad_request

DELETABLE_SECONDS = 48 * 3600
MOST_DELETED = 100
RICH_CHARACTERS = 32_768


class Messages(Calling):
    async def on_sendmessage(self, params: Fields) -> Any:
        chat = self.writable(params)
        return self._post(chat, params, checked_text(params, "message is too long"))

    async def on_senddocument(self, params: Fields) -> Any:
        chat, upload = self.writable(params), params.get("document")
        if isinstance(upload, str) and upload in self.world.files:
            upload = Upload("document", "", self.world.files[upload])
        if not isinstance(upload, Upload):
            raise bad_request("there is no document in the request")
        if not upload.data:
            raise bad_request("file must be non-empty")
        if len(upload.data) > UPLOAD_BYTES:
            raise Refused(413, "Request Entity Too Large")
        caption = checked_caption(params)
        file = self.world.new_file(upload.data, name=upload.file_name)
        document = file | {"file_name": upload.file_name, "mime_type": upload.mime_type}
        return self._post(chat, params, caption, {"document": document})

    async def on_sendrichmessage(self, params: Fields) -> Any:
        """As far as it is documented: the source is kept, and not laid out as blocks."""
        chat, rich = self.writable(params), params.get("rich_message") or {}
        sources = [rich[name] for name in ("html", "markdown") if rich.get(name)]
        if len(sources) != 1:
            raise bad_request("exactly one of the fields html or markdown must be used")
        if len(sources[0]) > RICH_CHARACTERS:
            raise bad_request("message is too long")
        return self._post(chat, params, Formatted("", []), {"rich_message": rich})

    async def on_deletemessage(self, params: Fields) -> Any:
        chat = self.reachable(params)
        message = self.existing(chat, params, "delete")
        self._check_deletable(chat, message)
        message.deleted_at = self.world.now()
        return True

    async def on_deletemessages(self, params: Fields) -> Any:
        chat, given = self.reachable(params), params.get("message_ids") or []
        if not given:
            raise bad_request("message identifiers are not specified")
        if len(given) > MOST_DELETED:
            raise bad_request("too many message identifiers specified")
        there = [chat.messages[one] for one in given if one in chat.messages]
        for message in there:
            self._check_deletable(chat, message)
        for message in there:
            message.deleted_at = message.deleted_at or self.world.now()
        return True

    async def on_setmessagereaction(self, params: Fields) -> Any:
        chat = self.reachable(params)
        message = self.existing(chat, params, "react")
        message.reactions = checked_reactions(params.get("reaction", []), chat.reactions_allowed)
        return True

    async def on_sendchataction(self, params: Fields) -> Any:
        chat = self.writable(params)
        if params.get("action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        self.thread(chat, params)
        chat.actions.append((self.world.now(), params["action"]))
        return True

    def _post(
        self, chat: Chat, params: Fields, found: Formatted, content: Fields | None = None
    ) -> Fields:
        check_keyboard(params.get("reply_markup"))
        thread = self.thread(chat, params)
        reply = params.get("reply_parameters")
        reply_to = self.replied(chat, reply)
        quote = _quoted(chat, reply_to, (reply or {}).get("quote", ""))
        self.bot.flood.check(chat.chat_id)
        markup = params.get("reply_markup")
        version = version_of(found, self.world.now(), markup)
        message = Message(chat.chat_id, chat.next_id, self.bot.sender, [version], thread, reply_to)
        message.content, message.further = content or {}, quote
        chat.drafts.clear()  # what was being written has been sent
        chat.add(message)
        self.world.bot_wrote(self.bot, chat, message)
        return chat.payload(message)

    def _check_deletable(self, chat: Chat, message: Message) -> None:
        """In private chats a bot deletes everything; else its own, or as an administrator all."""
        own = message.sender["id"] == self.bot.bot_id
        if not (own or chat.private or self.bot.bot_id in chat.admins):
            raise bad_request("message can't be deleted")
        if self.world.now() - message.versions[0].at >= DELETABLE_SECONDS:
            raise bad_request("message can't be deleted for everyone")


def _quoted(chat: Chat, reply_to: int | None, quote: str) -> Fields:
    if not quote or reply_to is None:
        return {}
    text = chat.messages[reply_to].text
    if quote not in text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return {"quote": {"text": quote, "position": units(text[: text.index(quote)])}}
