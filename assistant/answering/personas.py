"""Personas: how the assistant behaves in a conversation, and what the model is told of it.

Which one answers is chosen for a conversation; where each conversation is a thread, also for a chat
as a whole, which holds in all threads in which none was chosen; else for the account. What a
persona says stands in the program and its settings, until an admin changes it: from then on what
stands in Postgres holds (`persona_versions.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.accounts import Account
from assistant.messages import ChatRef
from assistant.settings import AssistantSettings
from assistant.storage.database import Database

DEFAULT = "default"
WHOLE_CHAT = "*"  # in place of a thread's id; no platform has such a thread
MOST_PROMPTS = 4
ORIGINAL = 1  # the version that the program or its settings have
# Added to the system prompt. Their titles are phrases.
BUILT_IN: Mapping[str, str] = {
    "brief": "Answer in one to three sentences, without preamble.",
    "teacher": "Explain step by step, as to somebody who is new to it, with one small example. "
    "End with a question that shows whether it was understood.",
    "editor": "You are an editor. Give back the person's text improved, in its own language and "
    "tone, and then say in a few points what you changed.",
}

STORED = """
SELECT name, number, title, prompt, prompts, retired_at IS NOT NULL AS retired
FROM personas JOIN persona_versions USING (name) WHERE number = current ORDER BY name
"""
CURRENT = """
SELECT coalesce((
    SELECT persona FROM conversations
    WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id IN (%(thread)s, '*')
        AND persona <> ''
    ORDER BY thread_id = '*' LIMIT 1
), (SELECT persona FROM accounts WHERE id = %(account)s)) AS persona
"""
SWITCH = """
INSERT INTO conversations (account_id, chat_id, thread_id, kind, persona)
VALUES (%(account)s, %(chat)s, %(thread)s, %(kind)s, %(persona)s)
ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET persona = excluded.persona
"""


@dataclass(frozen=True, slots=True)
class Persona:
    """In the version that holds. `title` and `prompts` are empty where phrases say them in each
    language. A `retired` one is not offered; where it was chosen, the default answers."""

    name: str
    version: int
    title: str
    prompt: str
    prompts: tuple[str, ...] = ()
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Personas:
    database: Database
    settings: AssistantSettings

    async def all(self) -> Mapping[str, Persona]:
        """By name: the default first, then those of the program, the settings, and the admins."""
        stored = [persona_of(row) for row in await self.database.rows(STORED)]
        return {**originals(self.settings), **{one.name: one for one in stored}}

    async def offered(self) -> Mapping[str, Persona]:
        return {name: one for name, one in (await self.all()).items() if not one.retired}

    async def current(self, account: Account, chat: ChatRef) -> Persona:
        row = await self.database.row(CURRENT, _where(account, chat))
        return chosen(await self.all(), row.persona if row is not None else "")

    async def switch(self, account: Account, chat: ChatRef, name: str) -> None:
        values = {**_where(account, chat), "kind": chat.kind, "persona": name}
        await self.database.rows(SWITCH, values)


def originals(settings: AssistantSettings) -> Mapping[str, Persona]:
    """As the program and its settings have them; a configured one replaces one of the same name."""
    built_in = {DEFAULT: "", **BUILT_IN}
    configured = {
        name: Persona(name, ORIGINAL, one.title, one.prompt, one.prompts)
        for name, one in settings.personas.items()
        if name != DEFAULT
    }
    kept = built_in.keys() - configured.keys()
    of_program = {
        name: Persona(name, ORIGINAL, "", prompt)
        for name, prompt in built_in.items()
        if name in kept
    }
    return {**of_program, **configured}


def chosen(personas: Mapping[str, Persona], name: str) -> Persona:
    """The one of this name; the default for none, one that is gone, and one that is retired."""
    found = personas.get(name or DEFAULT)
    return personas[DEFAULT] if found is None or found.retired else found


def answering(settings: AssistantSettings, about: Mapping[str, Any]) -> Persona:
    """Who answers a turn, by what the history says of its conversation (`about`): the name that
    was chosen there, and what stands in Postgres of it and of the default."""
    stored = [
        Persona(one["name"], one["number"], one["title"], one["prompt"], retired=one["retired"])
        for one in about.get("personas") or ()
    ]
    known = {**originals(settings), **{one.name: one for one in stored}}
    return chosen(known, about.get("persona") or "")


def persona_of(row: Any) -> Persona:
    return Persona(row.name, row.number, row.title, row.prompt, tuple(row.prompts), row.retired)


def _where(account: Account, chat: ChatRef) -> dict[str, object]:
    return {"account": account.id, "chat": chat.chat_id, "thread": chat.thread_id}
