"""What admins do with personas: versions, which are never changed, and which of them holds.

A persona stands in Postgres from its first change on: number 1 is then the original, as the program
or its settings had it. Going back makes an earlier version hold again and loses none, so each
version's share of thumbs stays its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from assistant.answering.personas import (
    DEFAULT,
    MOST_PROMPTS,
    ORIGINAL,
    STORED,
    Persona,
    Personas,
    originals,
    persona_of,
)
from assistant.errors import ChangedMeanwhile, ChangeRefused
from assistant.messages import ChatKind, clean
from assistant.storage.audit import Actor, note
from assistant.storage.database import Connection, Database, row, rows

LONGEST_TITLE = 100  # characters, as the settings allow
LONGEST_PROMPT = 8_000
LONGEST_SUGGESTION = 300
LONGEST_NOTE = 500
_NAME = re.compile(r"[a-z0-9_-]{1,32}")

KEEP = """
INSERT INTO personas (name, current) VALUES (%(name)s, 1)
ON CONFLICT (name) DO NOTHING RETURNING name
"""
HOLD = "SELECT current FROM personas WHERE name = %(name)s FOR UPDATE"
KEEP_VERSION = """
INSERT INTO persona_versions (name, number, title, prompt, prompts, note, made_by)
VALUES (%(name)s, %(number)s, %(title)s, %(prompt)s, %(prompts)s::text[], %(note)s, %(made_by)s)
ON CONFLICT (name, number) DO NOTHING
"""
NEXT = """
SELECT coalesce(max(number), 0) + 1 AS number FROM persona_versions WHERE name = %(name)s
"""
MAKE_CURRENT = """
UPDATE personas SET current = %(number)s, changed_at = now()
WHERE name = %(name)s AND EXISTS (
    SELECT FROM persona_versions WHERE name = %(name)s AND number = %(number)s)
RETURNING current
"""
RETIRE = """
UPDATE personas SET retired_at = CASE WHEN %(retired)s THEN now() END, changed_at = now()
WHERE name = %(name)s
"""
VERSIONS = """
SELECT number, title, prompt, prompts, note, made_by, made_at FROM persona_versions
WHERE name = %(name)s ORDER BY number DESC
"""
OF_ACCOUNT = "SELECT persona FROM accounts WHERE id = %(account)s FOR NO KEY UPDATE"
SET_ACCOUNT = "UPDATE accounts SET persona = %(persona)s WHERE id = %(account)s"
OF_CHAT = """
SELECT kind, (
    SELECT persona FROM conversations
    WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id = '*') AS persona
FROM conversations WHERE account_id = %(account)s AND chat_id = %(chat)s LIMIT 1
"""
SET_CHAT = """
INSERT INTO conversations (account_id, chat_id, thread_id, kind, persona)
VALUES (%(account)s, %(chat)s, '*', %(kind)s, %(persona)s)
ON CONFLICT (account_id, chat_id, thread_id) DO UPDATE SET persona = excluded.persona
"""
# What was chosen in a thread, or by the person in their private chat, would go before it.
SET_THREADS = """
UPDATE conversations SET persona = ''
WHERE account_id = %(account)s AND chat_id = %(chat)s AND thread_id <> '*' AND persona <> ''
"""


@dataclass(frozen=True, slots=True)
class PersonaDraft:
    """As an admin wants it. A title is needed where the program has none; a note says why."""

    title: str
    prompt: str
    prompts: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class PersonaVersion:
    """`made_at` is None of an original that stands in no table."""

    number: int
    title: str
    prompt: str
    prompts: tuple[str, ...]
    note: str = ""
    made_by: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonaVersions:
    """All raise ChangeRefused for a persona that isn't there."""

    database: Database
    personas: Personas

    async def one(self, name: str) -> Persona:
        return _known((await self.personas.all()).get(name))

    async def of(self, name: str) -> Sequence[PersonaVersion]:
        """The newest first."""
        found = await self.database.rows(VERSIONS, {"name": name})
        if found:
            return [_stored_version(one) for one in found]
        return [_version(_known(originals(self.personas.settings).get(name)))]

    async def make(self, name: str, draft: PersonaDraft, actor: Actor) -> Persona:
        """A persona that was not there. Raises ChangeRefused."""
        if not _NAME.fullmatch(name):
            raise ChangeRefused(
                "persona_name",
                "Name it in 1 to 32 small letters, digits, - and _: people write it behind "
                "/persona.",
            )
        draft = _checked(draft, needs_title=True)
        async with self.database.transaction() as connection:
            fresh = await row(connection, KEEP, {"name": name})
            if fresh is None or name in originals(self.personas.settings):
                raise ChangeRefused(
                    "persona_there", "There is a persona of this name already: take another name."
                )
            await _keep(connection, name, ORIGINAL, draft, actor.name)
            await note(connection, actor, "persona.made", f"persona:{name}", None, _seen(draft, 1))
        return await self.one(name)

    async def change(self, name: str, draft: PersonaDraft, actor: Actor, looked_at: int) -> Persona:
        """A new version, which holds from now on. `looked_at`: the version that was changed.

        Raises ChangedMeanwhile where another one holds by now, ChangeRefused.
        """
        original = originals(self.personas.settings).get(name)
        async with self.database.transaction() as connection:
            before = await self._current(connection, name, looked_at)
            draft = _checked(draft, needs_title=original is None or bool(original.title))
            if _said(before) == _said(draft):
                raise ChangeRefused("persona_same", "Nothing is changed: it says this already.")
            (found,) = await rows(connection, NEXT, {"name": name})
            await _keep(connection, name, found.number, draft, actor.name)
            await rows(connection, MAKE_CURRENT, {"name": name, "number": found.number})
            await note(
                connection,
                actor,
                "persona.changed",
                f"persona:{name}",
                _seen(before, before.version),
                _seen(draft, found.number),
            )
        return await self.one(name)

    async def roll_back(self, name: str, number: int, actor: Actor, looked_at: int) -> Persona:
        """Let a version that was hold again. Raises ChangedMeanwhile, ChangeRefused."""
        async with self.database.transaction() as connection:
            before = await self._current(connection, name, looked_at)
            values = {"name": name, "number": number}
            if await row(connection, MAKE_CURRENT, values) is None:
                raise ChangeRefused(
                    "persona_version",
                    f"This persona has no version {number}.",
                    {"number": str(number)},
                )
            versions = {"version": before.version}, {"version": number}
            await note(connection, actor, "persona.rolled_back", f"persona:{name}", *versions)
        return await self.one(name)

    async def retire(self, name: str, actor: Actor, *, retired: bool = True) -> Persona:
        """Offer it no more, or again. Raises ChangeRefused."""
        if name == DEFAULT:
            raise ChangeRefused(
                "persona_default", "The default answers where no other does: it can't be retired."
            )
        async with self.database.transaction() as connection:
            before = await self._current(connection, name)
            await rows(connection, RETIRE, {"name": name, "retired": retired})
            action = "persona.retired" if retired else "persona.restored"
            states = {"retired": before.retired}, {"retired": retired}
            await note(connection, actor, action, f"persona:{name}", *states)
        return await self.one(name)

    async def set_account(self, account_id: int, name: str, actor: Actor) -> None:
        """Who answers in an account where nothing was chosen; no name: the default."""
        await self._check_offered(name)
        values = {"account": account_id, "persona": name}
        async with self.database.transaction() as connection:
            before = await row(connection, OF_ACCOUNT, values)
            if before is None:
                raise ChangeRefused(
                    "account_gone", "This account isn't there any more: choose another."
                )
            await rows(connection, SET_ACCOUNT, values)
            states = {"persona": before.persona}, {"persona": name}
            await note(connection, actor, "account.persona_set", f"account:{account_id}", *states)

    async def set_chat(
        self, account_id: int, chat_id: str, name: str, actor: Actor, *, everywhere: bool
    ) -> None:
        """Who answers in a chat that we know; no name: as its account has it. `everywhere`: also
        where something else was chosen in it. Raises ChangeRefused."""
        await self._check_offered(name)
        values: dict[str, object] = {"account": account_id, "chat": chat_id, "persona": name}
        async with self.database.transaction() as connection:
            before = await row(connection, OF_CHAT, values)
            if before is None:
                raise ChangeRefused("chat_unknown", "Nobody has written to us in this chat yet.")
            kind: ChatKind = before.kind
            await rows(connection, SET_CHAT, {**values, "kind": kind})
            if everywhere:
                await rows(connection, SET_THREADS, values)
            await note(
                connection,
                actor,
                "chat.persona_set",
                f"chat:{account_id}:{chat_id}",
                {"persona": before.persona or ""},
                {"persona": name, "everywhere": everywhere},
            )

    async def _check_offered(self, name: str) -> None:
        if name and name not in await self.personas.offered():
            raise ChangeRefused("persona_unknown", "There is no persona of this name.")

    async def _current(
        self, connection: Connection, name: str, looked_at: int | None = None
    ) -> Persona:
        """What holds now, and nobody else changes it meanwhile: its original is stored with it."""
        original = originals(self.personas.settings).get(name)
        if original is not None:
            await rows(connection, KEEP, {"name": name})
            await _keep(connection, name, ORIGINAL, original, "")
        found = _known(await self._held(connection, name))
        if looked_at not in (None, found.version):
            raise ChangedMeanwhile(
                "persona_changed",
                f"Version {found.version} of this persona was made meanwhile: look at it first.",
                {"number": str(found.version)},
            )
        return found

    async def _held(self, connection: Connection, name: str) -> Persona | None:
        await rows(connection, HOLD, {"name": name})
        stored = [persona_of(one) for one in await rows(connection, STORED)]
        known = {**originals(self.personas.settings), **{one.name: one for one in stored}}
        return known.get(name)


def _known(persona: Persona | None) -> Persona:
    if persona is None:
        raise ChangeRefused("persona_unknown", "There is no persona of this name.")
    return persona


async def _keep(
    connection: Connection, name: str, number: int, said: PersonaDraft | Persona, made_by: str
) -> None:
    values = {
        "name": name,
        "number": number,
        "title": said.title,
        "prompt": said.prompt,
        "prompts": list(said.prompts),
        "note": said.note if isinstance(said, PersonaDraft) else "",
        "made_by": made_by,
    }
    await rows(connection, KEEP_VERSION, values)


def _stored_version(found: Any) -> PersonaVersion:
    values = {one.name: getattr(found, one.name) for one in fields(PersonaVersion)}
    return PersonaVersion(**{**values, "prompts": tuple(found.prompts)})


def _version(persona: Persona) -> PersonaVersion:
    return PersonaVersion(persona.version, persona.title, persona.prompt, persona.prompts)


def _said(said: PersonaDraft | Persona) -> tuple[object, ...]:
    return said.title, said.prompt, said.prompts


def _seen(said: PersonaDraft | Persona, number: int) -> dict[str, object]:
    """For the audit log."""
    prompts = list(said.prompts)
    return {"version": number, "title": said.title, "prompt": said.prompt, "prompts": prompts}


def _checked(draft: PersonaDraft, *, needs_title: bool) -> PersonaDraft:
    """Clean. Raises ChangeRefused with the first fault."""
    tidy = replace(
        draft,
        title=clean(draft.title).strip(),
        prompt=clean(draft.prompt).strip(),
        prompts=tuple(filter(None, (clean(one).strip() for one in draft.prompts))),
        note=clean(draft.note).strip(),
    )
    if len(tidy.title) > LONGEST_TITLE or (needs_title and not tidy.title):
        raise ChangeRefused(
            "persona_title",
            f"Give it a title of at most {LONGEST_TITLE} characters.",
            {"most": str(LONGEST_TITLE)},
        )
    if len(tidy.prompt) > LONGEST_PROMPT:
        raise ChangeRefused(
            "persona_prompt",
            f"The prompt has {len(tidy.prompt):,} characters, and {LONGEST_PROMPT:,} are allowed: "
            "shorten it.",
            {"length": str(len(tidy.prompt)), "most": str(LONGEST_PROMPT)},
        )
    if len(tidy.prompts) > MOST_PROMPTS or any(map(_too_long, tidy.prompts)):
        raise ChangeRefused(
            "persona_suggestions",
            f"Write at most {MOST_PROMPTS} suggestions of at most {LONGEST_SUGGESTION} characters.",
            {"count": str(MOST_PROMPTS), "most": str(LONGEST_SUGGESTION)},
        )
    if len(tidy.note) > LONGEST_NOTE:
        raise ChangeRefused(
            "persona_note",
            f"Shorten the note to {LONGEST_NOTE} characters.",
            {"most": str(LONGEST_NOTE)},
        )
    return tidy


def _too_long(suggestion: str) -> bool:
    return len(suggestion) > LONGEST_SUGGESTION
