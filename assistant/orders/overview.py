"""What a person sees of themselves and of us at one glance: a platform's page for it shows this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.accounts import Account
from assistant.answering.memories import Memories, Memory
from assistant.answering.personas import (
    DEFAULT,
    MOST_PROMPTS,
    WHOLE_CHAT,
    Persona,
    Personas,
)
from assistant.incoming.persons import Persons
from assistant.messages import ChatRef
from assistant.orders.usage import Usage, Used
from assistant.phrases import Phrase, language_of, say


@dataclass(frozen=True, slots=True)
class Overview:
    """Of the person, in their private chat.

    `chosen` is the language that they chose, empty where they go by their program. `personas` are
    names and titles.
    """

    language: str
    chosen: str
    persona: str
    personas: Sequence[tuple[str, str]]
    today: Used
    month: Used
    memories: Sequence[Memory]


@dataclass(frozen=True, slots=True)
class Overviews:
    persons: Persons
    personas: Personas
    memories: Memories
    usage: Usage

    async def of(self, account: Account, chat: ChatRef, sender_id: str, told: str) -> Overview:
        offered = await self.personas.offered()
        whole = replace(chat, thread_id=WHOLE_CHAT)
        language, chosen = await self.persons.languages(account, sender_id, told)
        person = await self.persons.known(account, sender_id)
        today, month = await self.usage.of(person or 0, account, whole)
        return Overview(
            language=language,
            chosen=chosen,
            persona=(await self.personas.current(account, whole)).name,
            personas=[(one.name, _title(one, language)) for one in offered.values()],
            today=today,
            month=month,
            memories=await self.memories.of(person) if person else (),
        )

    async def suggestions(self, account: Account, chat: ChatRef, language: str) -> Sequence[str]:
        """What may be asked first of the persona of this chat, or of this thread in it."""
        persona = await self.personas.current(account, chat)
        if persona.prompts:
            return persona.prompts[:MOST_PROMPTS]
        key = DEFAULT if persona.title else persona.name
        lines = say(Phrase(f"prompts.{key}"), language_of(language)).splitlines()
        return [one for one in lines if one][:MOST_PROMPTS]


def _title(persona: Persona, language: str) -> str:
    return persona.title or say(Phrase(f"persona.{persona.name}"), language)
