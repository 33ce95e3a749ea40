"""Groups and channels: topics, discussions, who comes and goes, a group that becomes another."""

from __future__ import annotations

from typing import Any

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message, Version
from tests.fakes.telegram.content import detected_entities
from tests.fakes.telegram.origins import from_channel
from tests.fakes.telegram.sending import Sending

# Telegram's own, in whose name the messages of chats come.
TELEGRAM: Fields = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
CHANNEL_BOT: Fields = {
    "id": 136817688,
    "is_bot": True,
    "first_name": "Channel",
    "username": "Channel_Bot",
}
ANONYMOUS_BOT: Fields = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}


class Places(Sending):
    _further_groups = 0

    def make_group(self, chat_id: int, title: str = "", *, kind: str = "group") -> Chat:
        """A basic group (or `kind`: supergroup, channel) with this title."""
        chat = self.chat(chat_id)
        chat.about = {"type": kind, "title": title or f"Group {-chat_id}"}
        return chat

    def service(
        self, chat: Chat, sender: Fields, thread: int | None = None, **what: Any
    ) -> Message:
        """A message that nobody wrote: who joined, what was pinned."""
        message = self.written(chat, Version(self.now(), "", [], None), sender, thread)
        message.content = what
        self.deliver(chat, message)
        return message

    # Topics

    def make_forum(self, chat_id: int, title: str = "") -> Chat:
        chat = self.chat(chat_id)
        chat.about |= {"is_forum": True} | ({"title": title} if title else {})
        return chat

    def open_topic(self, chat_id: int, name: str, *, sender_id: int = 7) -> int:
        """Returns its id, which is that of the message that says it was made."""
        chat = self.make_forum(chat_id)
        topic = {"name": name, "icon_color": 7322096}
        thread_id = chat.next_id
        chat.topics[thread_id] = name
        sender = self.person(sender_id)
        self.service(chat, sender, thread_id, forum_topic_created=topic)
        return thread_id

    def close_topic(self, chat_id: int, thread_id: int, *, sender_id: int = 7) -> None:
        chat = self.chat(chat_id)
        chat.closed_threads.add(thread_id)
        self.service(chat, self.person(sender_id), thread_id, forum_topic_closed={})

    # Channels and their discussion groups

    def link_discussion(self, channel_id: int, group_id: int, title: str = "News") -> None:
        """What is posted in the channel is also shown in the group, where people discuss it."""
        self.make_group(channel_id, title, kind="channel").discussion = group_id
        self.chat(group_id)

    def channel_posts(self, channel_id: int, text: str) -> Message:
        """Returns the copy in the discussion group, else the post."""
        channel = self.chat(channel_id)
        version = Version(self.now(), text, detected_entities(text), None)
        in_its_name = {"sender_chat": channel.describe()}
        post = self.written(channel, version, CHANNEL_BOT, further=in_its_name)
        self.deliver(channel, post, "channel_post")
        if channel.discussion is None:
            return post
        group = self.chat(channel.discussion)
        origin = from_channel(channel.describe(), post.message_id)
        copied = {"is_automatic_forward": True, "forward_origin": origin}
        copy = self.written(group, version, TELEGRAM, further=in_its_name | copied)
        self.deliver(group, copy)
        return copy

    def user_comments(self, copy: Message, text: str, **how: Any) -> Message:
        """Below a channel's post, in its discussion group: a chain of replies, no topic."""
        thread = {"message_thread_id": copy.message_id}
        return self.user_says(
            copy.chat_id, text, reply_to=copy.message_id, **({"sender_id": 7} | thread | how)
        )

    # In whose name

    def admin_says_anonymously(self, chat_id: int, text: str, **further: Any) -> Message:
        behind = {"sender_chat": self.chat(chat_id).describe()}
        return self._says_as(chat_id, text, ANONYMOUS_BOT, behind | further)

    def channel_says(self, chat_id: int, channel_id: int, text: str, **further: Any) -> Message:
        """Somebody writes into a group as their channel."""
        channel = self.make_group(channel_id, kind="channel")
        return self._says_as(
            chat_id, text, CHANNEL_BOT, {"sender_chat": channel.describe()} | further
        )

    def other_bot_says(
        self,
        chat_id: int,
        text: str,
        *,
        bot_id: int = 4_000_000_001,
        username: str = "ChattyTestBot",
        reply_to: int | None = None,
        **further: Any,
    ) -> Message:
        """A bot that is none of this server's."""
        about = {"id": bot_id, "is_bot": True, "first_name": "Chatty", "username": username}
        return self._says_as(chat_id, text, about, further, reply_to)

    def _says_as(
        self,
        chat_id: int,
        text: str,
        sender: Fields,
        further: Fields,
        reply_to: int | None = None,
    ) -> Message:
        chat = self.chat(chat_id)
        version = Version(self.now(), text, detected_entities(text), None)
        message = self.written(chat, version, sender, None, reply_to, further=further)
        self.deliver(chat, message)
        return message

    # Coming and going

    def bot_is_removed(self, chat_id: int, bot: FakeBot | None = None, sender_id: int = 7) -> None:
        chat = self.chat(chat_id)
        self.membership_changes(chat_id, bot, "member", "kicked", sender_id)
        chat.kicked.add((bot or self.first_bot).bot_id)

    def bot_is_added(self, chat_id: int, bot: FakeBot | None = None, sender_id: int = 7) -> None:
        bot, chat = bot or self.first_bot, self.chat(chat_id)
        chat.kicked.discard(bot.bot_id)
        chat.absent.discard(bot.bot_id)
        self.membership_changes(chat_id, bot, "left", "member", sender_id)
        self.service(chat, self.person(sender_id), new_chat_members=[bot.sender])

    def bot_is_muted(self, chat_id: int) -> None:
        self.chat(chat_id).rights = "not enough rights to send text messages to the chat"

    def bot_is_made_admin(self, chat_id: int, bot: FakeBot | None = None) -> None:
        bot = bot or self.first_bot
        self.chat(chat_id).admins.add(bot.bot_id)

    def group_becomes_supergroup(self, chat_id: int, *, sender_id: int = 7) -> int:
        """Returns the new chat's id. The old one takes nothing any more."""
        old = self.make_group(chat_id, self.chat(chat_id).about["title"])
        self._further_groups += 1
        new_id = -1_001_000_000_000 - self._further_groups
        new = self.make_group(new_id, old.about["title"], kind="supergroup")
        old.moved_to = new_id
        sender = self.person(sender_id)
        self.service(old, sender, migrate_to_chat_id=new_id)
        self.service(new, ANONYMOUS_BOT, migrate_from_chat_id=chat_id)
        return new_id
