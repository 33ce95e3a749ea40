"""Conversations: searched, read, exported and erased."""

from bots.admin.conversations.parts import ConversationParts, conversation_parts
from bots.admin.conversations.router import conversation_pages

__all__ = ["ConversationParts", "conversation_pages", "conversation_parts"]
