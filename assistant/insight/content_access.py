"""What admins may read of what people wrote: everything, nothing but who and when, or of those who
consented.

Consent is a person's, for their private chats. In a group nobody can consent for the others, so a
group's text stays closed then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.settings import AssistantSettings

ContentRule = Literal["everything", "metadata", "consent"]

# Of `search_entries` or `turns`, whose person and conversation it names.
CONSENTED = """(
    {table}.person_id IN (SELECT id FROM persons WHERE consented_at IS NOT NULL)
    AND EXISTS (SELECT FROM conversations AS whose
        WHERE whose.id = {table}.conversation_id AND whose.kind = 'private'))"""


@dataclass(frozen=True, slots=True)
class ContentAccess:
    """As the settings are now: they may change while it runs."""

    settings: AssistantSettings

    @property
    def rule(self) -> ContentRule:
        return self.settings.content_access

    @property
    def closed(self) -> bool:
        return self.rule == "metadata"

    def readable(self, table: str) -> str:
        """A condition: of this row's text something may be read."""
        if self.rule == "consent":
            return CONSENTED.format(table=table)
        return "false" if self.closed else "true"
