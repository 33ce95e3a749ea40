"""Edits: of a message in a chat, or by the id of one that was sent inline."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.chats import Fields, Message
from tests.fakes.telegram.content import check_keyboard, checked_caption, checked_text
from tests.fakes.telegram.entities import Formatted
from tests.fakes.telegram.methods.calling import Calling, version_of
from tests.fakes.telegram.refusals import bad_request
from tests.fakes.telegram.rich import checked_rich


class Edits(Calling):
    async def on_editmessagetext(self, params: Fields) -> Any:
        message = self._edited(params)
        if message.content.keys() - {"rich_message"}:
            raise bad_request("there is no text in the message to edit")
        rich = params.get("rich_message")
        if rich and self.world.takes_rich_messages:
            found = checked_rich(rich)
            answer = self._change(message, found, params)
            message.content = {"rich_message": rich}
            return answer
        found = checked_text(params, "MESSAGE_TOO_LONG")
        answer = self._change(message, found, params)
        message.content = {}
        return answer

    async def on_editmessagecaption(self, params: Fields) -> Any:
        message = self._edited(params)
        if not message.content:
            raise bad_request("there is no caption in the message to edit")
        return self._change(message, checked_caption(params), params)

    async def on_editmessagereplymarkup(self, params: Fields) -> Any:
        message = self._edited(params)
        last = message.versions[-1]
        return self._change(
            message, Formatted(last.text, last.entities, last.lost, last.found), params
        )

    def _edited(self, params: Fields) -> Message:
        if inline_id := params.get("inline_message_id"):
            if inline_id not in self.world.inline_messages:
                raise bad_request("MESSAGE_ID_INVALID")
            return self.world.inline_messages[str(inline_id)]
        message = self.existing(self.reachable(params), params, "edit")
        if message.sender["id"] != self.bot.bot_id:
            raise bad_request("message can't be edited")
        return message

    def _change(self, message: Message, found: Formatted, params: Fields) -> Any:
        markup = params.get("reply_markup")
        check_keyboard(markup)
        self.bot.flood.check(message.chat_id)
        last = message.versions[-1]
        shown = (last.text, last.entities, last.reply_markup or None)
        if shown == (found.text, found.entities, markup or None):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        version = version_of(found, self.world.now(), markup)
        message.versions.append(version)
        if params.get("inline_message_id"):
            return True
        return self.readable(params).payload(message)
