"""Messages: send, edit, delete, react."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields, Message, Version
from tests.fakes.telegram.content import check_keyboard, checked_reactions, checked_text
from tests.fakes.telegram.methods.calling import Calling
from tests.fakes.telegram.refusals import bad_request

DELETABLE_SECONDS = 48 * 3600
ACTIONS = frozenset({"typing", "upload_photo", "upload_document", "choose_sticker"})


class Messages(Calling):
    async def on_sendmessage(self, params: Fields) -> Any:
        chat = self.writable(params)
        entities = params.get("entities", [])
        text = checked_text(str(params.get("text", "")), entities, "message is too long")
        check_keyboard(params.get("reply_markup"))
        thread = self.thread(chat, params)
        reply_to = self.replied(chat, params.get("reply_parameters"))
        self.bot.flood.check(chat.chat_id)
        version = Version(self.world.now(), text, entities, params.get("reply_markup"))
        message = Message(chat.chat_id, chat.next_id, self.bot.sender, [version], thread, reply_to)
        return chat.payload(chat.add(message))

    async def on_editmessagetext(self, params: Fields) -> Any:
        chat = self.writable(params)
        message = self.existing(chat, params, "edit")
        if not message.from_bot:
            raise bad_request("message can't be edited")
        entities = params.get("entities", [])
        text = checked_text(str(params.get("text", "")), entities, "MESSAGE_TOO_LONG")
        check_keyboard(params.get("reply_markup"))
        self.bot.flood.check(chat.chat_id)
        last, markup = message.versions[-1], params.get("reply_markup")
        if (last.text, last.entities, last.reply_markup) == (text, entities, markup):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.versions.append(Version(self.world.now(), text, entities, markup))
        return chat.payload(message)

    async def on_deletemessage(self, params: Fields) -> Any:
        chat = self.writable(params)
        message = self.existing(chat, params, "delete")
        if self.world.now() - message.versions[0].at >= DELETABLE_SECONDS:
            raise bad_request("message can't be deleted for everyone")
        message.deleted_at = self.world.now()
        return True

    async def on_setmessagereaction(self, params: Fields) -> Any:
        chat = self.writable(params)
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
