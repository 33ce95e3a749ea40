"""Asking a bot where it is not: inline queries, their chosen results, guest messages."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message, Version
from tests.fakes.telegram.content import detected_entities
from tests.fakes.telegram.places import Places


class Asking(Places):
    def user_types_inline(
        self,
        query: str,
        *,
        sender_id: int = 7,
        offset: str = "",
        chat_type: str = "supergroup",
        bot: FakeBot | None = None,
    ) -> str:
        """Returns the query's id, under which `answers` will have the results."""
        bot = bot or self.first_bot
        query_id = self.new_query(bot, "inline")
        typed = {
            "id": query_id,
            "from": self.person(sender_id),
            "query": query,
            "offset": offset,
            "chat_type": chat_type,
        }
        self.inline_queries[query_id] = typed
        self.push({"inline_query": typed}, bot)
        return query_id

    def user_chooses(
        self, query_id: str, result_id: str = "", *, chat_id: int = -200, bot: FakeBot | None = None
    ) -> Message:
        """Send one of the results (the first) into a chat, where the bot need not be."""
        bot = bot or self.first_bot
        results: list[Fields] = bot.answers[query_id]["results"]
        result = next(one for one in results if result_id in ("", one["id"]))
        typed, chat = self.inline_queries[query_id], self.chat(chat_id, bot)
        message = self.inline_message(chat, typed["from"], result, via_bot=bot.sender)
        chosen = {"result_id": result["id"], "from": typed["from"], "query": typed["query"]}
        if message.inline_id:
            chosen["inline_message_id"] = message.inline_id
        self.push({"chosen_inline_result": chosen}, bot)
        self.deliver(chat, message, bot=bot)
        return message

    def inline_message(
        self, chat: Chat, sender: Fields, result: Fields, *, always: bool = False, **further: Any
    ) -> Message:
        """What a result becomes. Only one with a keyboard (or `always`) can be edited later."""
        content: Fields = result.get("input_message_content") or {}
        text = str(content.get("message_text") or result.get("title") or "")
        markup = result.get("reply_markup")
        version = Version(self.now(), text, content.get("entities", []), markup)
        message = self.written(chat, version, sender, further=further)
        if markup or always:
            message.inline_id = f"inline-message-{len(self.inline_messages) + 1}"
            self.inline_messages[message.inline_id] = message
        return message

    def user_asks_guest(
        self,
        chat_id: int,
        text: str,
        *,
        sender_id: int = 7,
        reply_to: int | None = None,
        bot: FakeBot | None = None,
        further: Fields | None = None,
    ) -> Message:
        """Name the bot in a chat that it is not in. `message.further` has the guest_query_id."""
        bot, chat = bot or self.first_bot, self.chat(chat_id)
        chat.absent.add(bot.bot_id)
        version = Version(self.now(), text, detected_entities(text), None)
        message = self.written(chat, version, self.person(sender_id), None, reply_to)
        message.further = {"guest_query_id": self.new_query(bot, "guest"), **(further or {})}
        self.guest_messages[message.further["guest_query_id"]] = message
        self.push({"guest_message": chat.payload(message)}, bot)
        return message

    def guest_answered(self, bot: FakeBot, query_id: str, result: Fields) -> str:
        """Show the answer where the guest was asked; returns its inline id."""
        question = self.guest_messages[query_id]
        chat = self.chat(question.chat_id, bot)
        caller = {"guest_bot_caller_user": question.sender}
        answer = self.inline_message(chat, bot.sender, result, always=True, **caller)
        answer.reply_to = question.message_id
        return answer.inline_id
