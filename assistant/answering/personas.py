"""Personas: how the assistant behaves in a conversation, and what the model is told of it.

Where each conversation is a thread, one may also be chosen for a chat as a whole: it holds in all
threads in which none was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.accounts import Account
from assistant.messages import ChatRef
from assistant.settings import AssistantSettings, PersonaSettings
from assistant.storage.database import Database

DEFAULT = "default"
WHOLE_CHAT = "*"  # in place of a thread's id; no platform has such a thread
MOST_PROMPTS = 4
# Added to the system prompt. Their titles are phrases.
BUILT_IN: Mapping[str, str] = {
    "brief": "Answer in one to three sentences, without preamble.",
    "teacher": "Explain step by step, as to somebody who is new to it, with one small example. "
    "End with a question that shows whether it was understood.",
    "editor": "You are an editor. Give back the person's text improved, in its own language and "
    "tone, and then say in a few points what you changed.",
}

CURRENT = """
SELECT persona FROM conversations
WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id IN (%(thread)s, '*')
    AND persona <> ''
ORDER BY thread_id = '*' LIMIT 1
"""
SWITCH = """
INSERT INTO conversations (account_id, chat_id, thread_id, kind, persona)
VALUES (%(account)s, %(chat)s, %(thread)s, %(kind)s, %(persona)s)
ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET persona = excluded.persona
"""


@dataclass(frozen=True, slots=True)
class Personas:
    database: Database
    configured: Mapping[str, PersonaSettings]

    def names(self) -> list[str]:
        return [DEFAULT, *(one for one in BUILT_IN if one not in self.configured), *self.configured]

    def title(self, name: str) -> str:
        """Of a configured one; empty for the others, whose titles are phrases."""
        persona = self.configured.get(name)
        return persona.title if persona else ""

    def prompts(self, name: str) -> Sequence[str]:
        """Of a configured one that has some; the others' are phrases."""
        persona = self.configured.get(name)
        return persona.prompts if persona else ()

    async def current(self, account: Account, chat: ChatRef) -> str:
        row = await self.database.row(CURRENT, _where(account, chat))
        known = row is not None and row.persona in self.names()
        return str(row.persona) if row is not None and known else DEFAULT

    async def switch(self, account: Account, chat: ChatRef, name: str) -> None:
        values = {**_where(account, chat), "kind": chat.kind, "persona": name}
        await self.database.rows(SWITCH, values)


def prompt_of(settings: AssistantSettings, name: str) -> str:
    """What a persona adds to the system prompt; nothing for the default, or one that is gone."""
    configured = settings.personas.get(name) if name != DEFAULT else None
    return configured.prompt if configured else BUILT_IN.get(name, "")


def _where(account: Account, chat: ChatRef) -> dict[str, object]:
    return {"account": account.id, "chat": chat.chat_id, "thread": chat.thread_id}
