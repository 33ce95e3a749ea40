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
# The same, of a few rows that were found by something else.
CONSENTED_EACH = """(
    (SELECT consented_at FROM persons AS one WHERE one.id = {table}.person_id) IS NOT NULL
    AND (SELECT kind FROM conversations AS whose
        WHERE whose.id = {table}.conversation_id) = 'private')"""


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

    def readable(self, table: str, *, few: bool = True) -> str:
        """A condition: this row's text may be read. `few`: there are few rows to ask it of."""
        if self.rule == "consent":
            return (CONSENTED_EACH if few else CONSENTED).format(table=table)
        return "false" if self.closed else "true"
