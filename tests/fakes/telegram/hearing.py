"""Which messages of a group Telegram shows to a bot: its privacy mode."""

from __future__ import annotations

from tests.fakes.telegram.bots import FakeBot
from tests.fakes.telegram.chats import Chat, Fields, Message
from tests.fakes.telegram.content import covered


def hears(bot: FakeBot, chat: Chat, message: Message) -> bool:
    """In privacy mode: what speaks to the bot, and what nobody wrote."""
    if message.sender["id"] == bot.bot_id or bot.bot_id in chat.absent | chat.kicked:
        return False
    if chat.kind in ("private", "channel") or message.is_service:
        return True
    if bot.user["can_read_all_group_messages"] or bot.bot_id in chat.admins:
        return True
    return _addressed(bot, chat, message)


def _addressed(bot: FakeBot, chat: Chat, message: Message) -> bool:
    answered = chat.messages.get(message.reply_to or 0)
    if answered is not None and answered.sender["id"] == bot.bot_id:
        return True
    if message.further.get("via_bot", {}).get("id") == bot.bot_id:
        return True
    return any(_names(bot, chat, message, entity) for entity in message.versions[-1].marks)


def _names(bot: FakeBot, chat: Chat, message: Message, entity: Fields) -> bool:
    name = f"@{bot.username}".lower()
    said = covered(message.text, entity).lower()
    if entity["type"] == "bot_command":
        # A bare command is for the bot that wrote last.
        return said.endswith(name) or ("@" not in said and _wrote_last(bot, chat))
    if entity["type"] == "text_mention":
        return bool(entity["user"]["id"] == bot.bot_id)
    return bool(entity["type"] == "mention" and said == name)


def _wrote_last(bot: FakeBot, chat: Chat) -> bool:
    """True as well where no bot wrote yet."""
    written = [one for one in chat.messages.values() if "sender_chat" not in one.further]
    writers = [one.sender["id"] for one in written if one.from_bot]
    return not writers or writers[-1] == bot.bot_id
