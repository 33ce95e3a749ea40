"""What people do: write, edit, press, delete, block. Private chats have positive ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message, Version, date_at
from tests.fakes.telegram.content import marks
from tests.fakes.telegram.entities import units
from tests.fakes.telegram.world import World


class People(World):
    _queries = 0
    _last_told = 0  # the newest update

    def user_says(
        self,
        chat_id: int,
        text: str,
        *,
        sender_id: int | None = None,
        name: str = "",
        thread_id: int | None = None,
        reply_to: int | None = None,
        entities: list[Fields] | None = None,
        quote: str = "",
        bot: FakeBot | None = None,
        **further: Any,
    ) -> Message:
        """`entities`: formatting, beside the mentions, commands and links that are detected.

        `quote`: the part of the answered message that is quoted. `further`: more fields of the
        message, as the Bot API writes them: `forward_origin=…` (origins.py).
        """
        version = Version(self.now(), text, marks(text, entities), None)
        sender = self.person(sender_id or abs(chat_id), name)
        chat = self.chat(chat_id, bot)
        if quote:
            answered = chat.messages[reply_to or 0].text
            position = units(answered[: answered.index(quote)])
            further["quote"] = {"text": quote, "position": position, "is_manual": True}
        message = self.written(chat, version, sender, thread_id, reply_to, further=further)
        self.deliver(chat, message, "message", bot)
        return message

    def user_sends(self, chat_id: int, **how: Any) -> int:
        """A message without text: `photo=[…]`, `voice={…}`, as the Bot API writes it.

        `how` may also have what `user_says` knows, and a caption. Returns the update's id.
        """
        self.sent(chat_id, **how)
        return self._last_told

    def sent(
        self,
        chat_id: int,
        *,
        sender_id: int | None = None,
        name: str = "",
        thread_id: int | None = None,
        reply_to: int | None = None,
        caption: str = "",
        caption_entities: list[Fields] | None = None,
        further: Fields | None = None,
        bot: FakeBot | None = None,
        **content: Any,
    ) -> Message:
        """As `user_sends`, with fields beside the content, and the message in return."""
        version = Version(self.now(), caption, marks(caption, caption_entities), None)
        sender = self.person(sender_id or abs(chat_id), name)
        chat = self.chat(chat_id, bot)
        message = self.written(chat, version, sender, thread_id, reply_to, content, further)
        self._last_told = self.deliver(chat, message, "message", bot)
        return message

    def user_edits(
        self, message: Message, text: str, *, entities: list[Fields] | None = None
    ) -> int:
        """The text, or the caption."""
        message.versions.append(Version(self.now(), text, marks(text, entities), None))
        bot = self.bot_of(message)
        return self.deliver(self.chat(message.chat_id, bot), message, "edited_message", bot)

    def user_presses(
        self,
        message: Message,
        data: str,
        *,
        sender_id: int | None = None,
        accessible: bool = True,
    ) -> str:
        """Press a button below a message of the bot; returns the query's id.

        A message that is gone is not `accessible`: Telegram then names its chat and id alone.
        """
        bot = self.bot_of(message)
        query_id = self.new_query(bot, "query")
        chat = self.chat(message.chat_id, bot)
        gone = {"chat": chat.describe(), "message_id": message.message_id, "date": 0}
        query: Fields = {
            "id": query_id,
            "from": self.person(sender_id or abs(message.chat_id)),
            "chat_instance": "1",
            "data": data,
        }
        if message.inline_id:  # where the bot is no member, it is told no chat
            query["inline_message_id"] = message.inline_id
        else:
            query["message"] = chat.payload(message) if accessible else gone
        self.push({"callback_query": query}, bot)
        return query_id

    def new_query(self, bot: FakeBot, kind: str) -> str:
        """Something that waits for the bot's answer."""
        self._queries += 1
        query_id = f"{kind}-{self._queries}"
        bot.queries.add(query_id)
        return query_id

    def user_deletes(self, message: Message) -> None:
        """Telegram tells bots nothing of it."""
        message.deleted_at = self.now()

    def user_reacts(self, message: Message, *emoji: str, sender_id: int | None = None) -> int:
        """Their reactions to it are now these (of which there may be none)."""
        person = self.person(sender_id or abs(message.chat_id))
        before = message.peoples_reactions.get(person["id"], [])
        message.peoples_reactions[person["id"]] = list(emoji)
        bot = self.bot_of(message)
        reaction = {
            "chat": self.chat(message.chat_id, bot).describe(),
            "message_id": message.message_id,
            "user": person,
            "date": date_at(self.now()),
            "old_reaction": [{"type": "emoji", "emoji": one} for one in before],
            "new_reaction": [{"type": "emoji", "emoji": one} for one in emoji],
        }
        return self.push({"message_reaction": reaction}, bot)

    def grow_old(self, message: Message, *, hours: float) -> None:
        message.versions[0] = replace(message.versions[0], at=self.now() - hours * 3600)

    def user_blocks(self, chat_id: int, bot: FakeBot | None = None) -> None:
        self.chat(chat_id, bot).shut = "bot was blocked by the user"
        self.membership_changes(chat_id, bot, "member", "kicked")

    def user_unblocks(self, chat_id: int, bot: FakeBot | None = None) -> None:
        self.chat(chat_id, bot).shut = ""
        self.membership_changes(chat_id, bot, "kicked", "member")

    def user_leaves_telegram(self, chat_id: int, bot: FakeBot | None = None) -> None:
        self.chat(chat_id, bot).shut = "user is deactivated"

    def membership_changes(
        self, chat_id: int, bot: FakeBot | None, before: str, after: str, sender_id: int = 0
    ) -> int:
        """Tell the bot what has become of it in this chat."""
        bot = bot or self.first_bot
        change = {
            "chat": self.chat(chat_id, bot).describe(),
            "from": self.person(sender_id or abs(chat_id)),
            "date": date_at(self.now()),
            "old_chat_member": membership(bot, before),
            "new_chat_member": membership(bot, after),
        }
        return self.push({"my_chat_member": change}, bot)

    def written(
        self,
        chat: Chat,
        version: Version,
        sender: Fields,
        thread_id: int | None = None,
        reply_to: int | None = None,
        content: Fields | None = None,
        further: Fields | None = None,
    ) -> Message:
        """A new message in the chat, of which no bot was told yet."""
        if thread_id is not None:
            chat.threads.add(thread_id)
        message = Message(chat.chat_id, chat.next_id, sender, [version], thread_id, reply_to)
        message.content, message.further = content or {}, further or {}
        return chat.add(message)

    def bot_of(self, message: Message) -> FakeBot:
        """Whose message it is, or in whose private chat it stands."""
        for bot in self.bots.values():
            stored = bot.chats.get(message.chat_id)
            if stored is not None and stored.messages.get(message.message_id) is message:
                return bot
        writers = {bot.bot_id: bot for bot in self.bots.values()}
        return writers.get(message.sender["id"], self.first_bot)


def membership(bot: FakeBot, status: str) -> Fields:
    member: Fields = {"status": status, "user": bot.sender}
    return member | ({"until_date": 0} if status == "kicked" else {})
