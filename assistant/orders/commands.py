"""Orders to Outrider itself, on every channel: what each does and what the person is told.

The names are the same in all languages; what is said is a phrase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from importlib import metadata

from assistant.accounts import Account
from assistant.answering.memories import LONGEST, MOST, Memories
from assistant.answering.personas import WHOLE_CHAT, Persona, Personas
from assistant.errors import Silenced
from assistant.incoming.access import WITH_ADMINS, AccessPolicy
from assistant.incoming.control import Control
from assistant.incoming.links import CODE_SECONDS, Linked, Links
from assistant.incoming.listening import Listening
from assistant.incoming.persons import Persons
from assistant.messages import Answer, ChatRef, Command, CommandName
from assistant.orders.erasure import Erasure
from assistant.orders.export import Export, Form
from assistant.orders.news import News
from assistant.orders.usage import Usage, Used
from assistant.phrases import LANGUAGES, Phrase, language_of, say, sentences
from assistant.settings import AssistantSettings
from assistant.signals import Signals
from inference.api import EngineInfo

# As people are shown them; /start is what a first press sends.
COMMANDS: tuple[CommandName, ...] = (
    "new", "stop", "retry", "persona", "lang", "memory", "forget", "export", "usage", "link",
    "privacy", "news", "model", "about", "help",
)  # fmt: skip
GROUP_COMMANDS: tuple[CommandName, ...] = ("new", "stop", "retry", "persona", "forget", "help")
AUTOMATIC = "auto"
FORGOTTEN_SECONDS = 86_400  # in which an order may be delivered again
ALL = "all"
CONSENT: Mapping[str, bool] = {"allow": True, "deny": False}
OFF = "off"
# Channels whose threads are listened to without a mention.
LISTENING = frozenset({"slack"})
FORMS: Mapping[str, Form] = {
    "": "markdown", "markdown": "markdown", "md": "markdown", "json": "json"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Order:
    """A command, with whose account it came to and the language of who gave it."""

    command: Command
    account: Account
    language: str

    @property
    def chat(self) -> ChatRef:
        return self.command.chat

    @property
    def private(self) -> bool:
        return self.command.chat.kind == "private"

    @property
    def whole(self) -> bool:
        """Given outside of the threads that are the chat's conversations: it is about all."""
        threaded = self.chat.channel in LISTENING
        return threaded and self.chat.thread_id in ("", self.command.message_id)

    @property
    def argument(self) -> str:
        return self.command.argument.strip()

    def say(self, key: str, **values: str | int | Phrase) -> str:
        return say(Phrase(key, values), self.language)

    def answer(self, key: str, **values: str | int | Phrase) -> Answer:
        return Answer(self.say(key, **values))


@dataclass(frozen=True, slots=True)
class Commands:
    access: AccessPolicy
    control: Control
    persons: Persons
    personas: Personas
    memories: Memories
    usage: Usage
    export: Export
    erasure: Erasure
    signals: Signals
    listening: Listening
    settings: AssistantSettings
    news: News
    links: Links

    async def answer(self, account: Account, command: Command) -> Answer:
        language = await self.persons.language(account, command.sender_id, command.language)
        order = _Order(command, account, language)
        return await getattr(self, f"_{command.name}")(order)  # type: ignore[no-any-return]

    async def _start(self, order: _Order) -> Answer:
        info = await self._engine_info()
        greeting = order.say("start.greeting")
        notice = f"\n\n{info.notice}" if info and info.notice else ""
        return Answer(f"{greeting}\n\n{await self._helped(order)}{notice}")

    async def _help(self, order: _Order) -> Answer:
        return Answer(await self._helped(order))

    async def _helped(self, order: _Order) -> str:
        entry = await self.access.entries.of(order.account)
        return _help(order, pairs=entry.access == "pairing")

    async def _new(self, order: _Order) -> Answer:
        await self.control.begin_anew(order.chat, await self.control.first_came(order.command))
        return order.answer("new.done")

    async def _stop(self, order: _Order) -> Answer:
        until = await self.control.first_came(order.command)
        stopped = await self.control.stop_chat(order.chat, until)
        return order.answer("stop.done" if stopped else "stop.nothing")

    async def _retry(self, order: _Order) -> Answer:
        """The new answer comes in the place of the old one, which says enough."""
        until = await self.control.first_came(order.command)
        again = await self.control.retry_last(order.chat, until)
        if again is None:
            return order.answer("retry.nothing")
        return Answer("") if again else order.answer("retry.running")

    async def _quiet(self, order: _Order) -> Answer:
        if order.private:
            return order.answer("quiet.private")
        until = await self.control.first_came(order.command)
        await self.listening.be_quiet(order.chat, until)
        return order.answer("quiet.done")

    async def _persona(self, order: _Order) -> Answer:
        name = order.argument.lower()
        chat = replace(order.chat, thread_id=WHOLE_CHAT) if order.whole else order.chat
        offered = await self.personas.offered()
        if not name:
            current = await self.personas.current(order.account, chat)
            lines = [f"/persona {one.name} – {_title(order, one)}" for one in offered.values()]
            now = order.say("persona.now", title=_title(order, current))
            return Answer("\n".join([now, "", *lines]))
        if name not in offered:
            return order.answer("persona.unknown", names=", ".join(offered))
        if order.whole and not order.private and not order.command.member.admin:
            return order.answer("persona.admins_only", name=name)
        await self.personas.switch(order.account, chat, name)
        done = "persona.done_everywhere" if order.whole else "persona.done"
        return order.answer(done, title=_title(order, offered[name]))

    async def _pair(self, order: _Order) -> Answer:
        """Let in by an admin of the place; elsewhere `outrider pair` is for those who run us."""
        if order.account.channel not in WITH_ADMINS or not order.command.member.admin:
            return order.answer("pair.admins_only")
        if not order.private:
            return order.answer("pair.private_only")
        name = await self.access.pair(order.argument, order.account)
        return order.answer("pair.done", name=name) if name else order.answer("pair.unknown")

    async def _lang(self, order: _Order) -> Answer:
        asked = order.argument.casefold()
        if not asked:
            lines = [f"/lang {code} – {sentences(code)['language.name']}" for code in LANGUAGES]
            automatic = f"/lang {AUTOMATIC} – {order.say('lang.automatic')}"
            return Answer("\n".join([order.say("lang.now"), "", *lines, automatic]))
        code = _language(asked)
        if code is None and asked != AUTOMATIC:
            return order.answer("lang.unknown", codes=", ".join((*LANGUAGES, AUTOMATIC)))
        command = order.command
        person = await self.persons.find(order.account, command.sender_id, command.sender_name)
        await self.persons.choose(person, code)
        language = await self.persons.language(order.account, command.sender_id, command.language)
        return Answer(say(Phrase("lang.done" if code else "lang.automatic_done"), language))

    async def _model(self, order: _Order) -> Answer:
        info = await self._engine_info()
        if info is None:
            return order.answer("model.none")
        told = order.say(
            "model.now", model=info.model, profile=info.profile, tokens=info.max_model_len
        )
        return Answer(f"{told}\n\n{info.notice}" if info.notice else told)

    async def _about(self, order: _Order) -> Answer:
        info = await self._engine_info()
        told = order.say("about.text", version=metadata.version("outrider"))
        return Answer(f"{told}\n\n{info.attribution}" if info and info.attribution else told)

    async def _usage(self, order: _Order) -> Answer:
        person = await self.persons.known(order.account, order.command.sender_id)
        today, month = await self.usage.of(person or 0, order.account, order.chat)
        where = order.say("usage.everywhere" if order.private else "usage.here")
        lines = [f"{order.say(f'usage.{name}')}: {_used(order, used)}" for name, used in
                 (("today", today), ("month", month))]  # fmt: skip
        quotas = await self.usage.quotas(order.account, order.chat, order.command.sender_id)
        if quotas:
            lines += ["", *(say(line.phrase(), order.language) for line in quotas)]
        return Answer("\n".join([where, *lines]))

    async def _privacy(self, order: _Order) -> Answer:
        """Who else reads what the person writes, and whether they let admins."""
        if not order.private:
            return order.answer("privacy.private_only")
        command, asked = order.command, order.argument.casefold()
        if asked and asked not in CONSENT:
            return order.answer("privacy.how")
        who = (order.account, command.sender_id, command.sender_name)
        if asked:
            await self.persons.consent(await self.persons.find(*who), allowed=CONSENT[asked])
            allowed = CONSENT[asked]
        else:
            person = await self.persons.known(*who[:2])
            allowed = person is not None and await self.persons.consented(person)
        return Answer("\n".join(_who_reads(order, self.settings.content_access, allowed)))

    async def _news(self, order: _Order) -> Answer:
        if not order.account.delivered:
            return order.answer("news.not_here")
        threaded = order.chat.channel in LISTENING
        chat = replace(order.chat, thread_id=WHOLE_CHAT) if threaded else order.chat
        asked = order.argument.casefold()
        if asked not in ("on", "off"):
            wanted = await self.news.wanted(order.account, chat)
            return order.answer("news.now_on" if wanted else "news.now_off")
        if threaded and not order.private and not order.command.member.admin:
            return order.answer("news.admins_only")
        if asked == "on":
            await self.news.ask(order.account, chat, language_of(order.language))
        else:
            await self.news.end(order.account, chat)
        return order.answer(f"news.{asked}")

    async def _link(self, order: _Order) -> Answer:
        if not order.private:
            return order.answer("link.private_only")
        command = order.command
        person = await self.persons.find(order.account, command.sender_id, command.sender_name)
        if not order.argument:
            code = await self.links.code(person)
            return order.answer("link.code", code=code, minutes=int(CODE_SECONDS) // 60)
        if order.argument.casefold() == OFF:
            parted = await self.links.part(order.account, command.sender_id)
            return order.answer("link.off" if parted else "link.alone")
        linked = await self.links.link(order.argument, person)
        if isinstance(linked, Linked):
            where = f"{linked.name} ({linked.channel})" if linked.name else linked.channel
            return order.answer("link.done", where=where)
        return order.answer(f"link.{linked}")

    async def _memory(self, order: _Order) -> Answer:
        if not order.private:
            return order.answer("memory.private_only")
        what, _, which = order.argument.casefold().partition(" ")
        if what == "forget" and (which == ALL or which.isdecimal()):
            return await self._forget_memory(order, which)
        if what == "forget" and not which:
            return order.answer("memory.forget_how")
        return await (self._remember(order) if order.argument else self._memories(order))

    async def _memories(self, order: _Order) -> Answer:
        person = await self.persons.known(order.account, order.command.sender_id)
        kept = await self.memories.of(person) if person else ()
        if not kept:
            return order.answer("memory.none")
        lines = [f"{one.number}. {one.text}" for one in kept]
        return Answer("\n".join([order.say("memory.list"), *lines, "", order.say("memory.how")]))

    async def _remember(self, order: _Order) -> Answer:
        text = " ".join(order.argument.split())
        if len(text) > LONGEST:
            return order.answer("memory.long", length=len(text), longest=LONGEST)
        command = order.command
        person = await self.persons.find(order.account, command.sender_id, command.sender_name)
        number = await self.memories.add(person, text)
        if number is None:
            return order.answer("memory.full", most=MOST)
        return order.answer("memory.done", number=number)

    async def _forget_memory(self, order: _Order, which: str) -> Answer:
        person = await self.persons.known(order.account, order.command.sender_id)
        if which == ALL:
            if person is not None:
                await self.memories.forget_all(person)
            return order.answer("memory.all_forgotten")
        # No number of ours is longer.
        number = int(which) if len(which) < 9 else 0
        gone = person is not None and await self.memories.forget(person, number)
        return order.answer("memory.forgotten" if gone else "memory.unknown", number=which[:9])

    async def _export(self, order: _Order) -> Answer:
        form = FORMS.get(order.argument.casefold())
        if form is None:
            return order.answer("export.how")
        document = await self.export.document(order.chat, form, order.say("export.cut"))
        if document is None:
            return order.answer("export.nothing")
        return Answer(order.say("export.done"), document)

    async def _forget(self, order: _Order) -> Answer:
        if order.argument.casefold() == ALL:
            return await self._forget_all(order)
        if not order.command.about:
            return order.answer("forget.how" if order.private else "forget.how_in_group")
        asked = await self.control.asked(order.chat, order.command.about)
        # In a group each person decides about their own words alone, and an admin about all.
        any_ones = order.private or order.command.member.admin
        theirs = [one for one in asked if any_ones or one.sender_id == order.command.sender_id]
        for one in theirs:
            await self.control.erase(replace(order.chat, chat_id=one.chat_id), one.message_id)
        if theirs:
            return order.answer("forget.done")
        return order.answer("forget.not_yours" if asked else "forget.unknown")

    async def _forget_all(self, order: _Order) -> Answer:
        if not order.private:
            return order.answer("forget.all_in_group")
        # An order that comes again is not about what was said since.
        done = f"forgotten:{_digest(order.command)}"
        if order.command.message_id and await self.signals.noted(done):
            raise Silenced("All was forgotten already.")
        person = await self.persons.known(order.account, order.command.sender_id)
        if person is not None:
            await self.memories.forget_all(person)
        await self.control.end_all(order.chat)  # what is erased half shown would stay so
        for conversation in await self.control.conversations(order.chat):
            await self.erasure.conversation(conversation)
        await self.signals.first(done, FORGOTTEN_SECONDS)
        return order.answer("forget.all_done")

    async def _engine_info(self) -> EngineInfo | None:
        found = (one.info for one in await self.signals.last_workers() if one.answers)
        return next((info for info in found if info is not None), None)


def _digest(command: Command) -> str:
    """Names an order without saying whose it is: all else of it is forgotten."""
    told = "\n".join([*astuple(command.chat), command.message_id])
    return hashlib.sha256(told.encode()).hexdigest()


def _title(order: _Order, persona: Persona) -> str:
    return persona.title or order.say(f"persona.{persona.name}")


def _help(order: _Order, *, pairs: bool) -> str:
    how = order.say("help.private" if order.private else "help.group")
    shown = COMMANDS if order.private else GROUP_COMMANDS
    if not order.private and order.chat.channel in LISTENING:
        shown = (*shown[:-1], "quiet", *shown[-1:])
    if order.private and pairs and order.command.member.admin:
        shown = (*shown[:-1], "pair", *shown[-1:])
    lines = [f"/{name} – {order.say(f'command.{name}')}" for name in shown]
    return "\n".join([how, "", *lines])


def _who_reads(order: _Order, rule: str, allowed: bool) -> list[str]:
    """What the settings say; and what the person said, which is kept should they change."""
    told = [order.say(f"privacy.{rule}")]
    told.append(order.say("privacy.allowed" if allowed else "privacy.denied"))
    return [*told, "", order.say("privacy.how")]


def _language(asked: str) -> str | None:
    """The language that a person means by its code or by its own name."""
    named = {sentences(code)["language.name"].casefold(): code for code in LANGUAGES}
    if asked in named:
        return named[asked]
    code = language_of(asked)
    return code if asked.replace("_", "-").partition("-")[0] == code else None


def _used(order: _Order, used: Used) -> str:
    return order.say(
        "usage.line",
        messages=used.messages,
        turns=used.turns,
        prompt_tokens=used.prompt_tokens,
        output_tokens=used.output_tokens,
    )
