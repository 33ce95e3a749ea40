"""What an event means, as far as it takes more than the event: where we listen, and who is who."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assistant.messages import (
    ButtonPressed,
    Command,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Notice,
)
from assistant.service import Assistant
from bots.slack.files import SlackFiles
from bots.slack.parse import (
    NOT_ADDRESSED,
    Reading,
    message_in,
    parse_event,
    people_in,
    with_message,
)
from bots.slack.payload import Object
from bots.slack.people import People

Spoken = IncomingMessage | Command | ButtonPressed | Notice


@dataclass(frozen=True, slots=True)
class Hearing:
    assistant: Assistant
    people: People
    files: SlackFiles

    async def heard(self, body: object, reading: Reading) -> tuple[Incoming, Object]:
        """An Events API body, with people by their names and with what Slack tells of files only
        when asked; beside it the message as Slack has it. Raises StorageUnavailable."""
        item = parse_event(body, reading)
        if item == NOT_ADDRESSED:
            reading = replace(reading, listening=True)
            item = await self._in_thread(parse_event(body, reading))
        if isinstance(item, Edited):
            item = await self._edited(item)
        if not isinstance(item, Spoken | Edited):
            return item, message_in(body)
        message = await self.files.described(message_in(body))
        body = with_message(body, message)
        again = parse_event(body, replace(reading, names=await self._names(body, item)))
        if isinstance(again, Edited) and again.asked is not None and not isinstance(item, Edited):
            again = again.asked
        return await self.introduced(again), message

    async def introduced(self, item: Incoming) -> Incoming:
        """With the language and the name of who is speaking, as far as Slack tells them."""
        if not isinstance(item, Spoken) or _by_bot(item) or not item.sender_id:
            return item
        person = (await self.people.of([item.sender_id])).get(item.sender_id)
        if person is None:
            return item
        name = person.name or item.sender_name
        return replace(item, language=person.language, sender_name=name)

    async def _in_thread(self, item: Incoming) -> Incoming:
        """What is said without a mention counts in a thread that we take part in, said by who may
        talk to us. Nothing of it is stored otherwise, and nobody is refused anything."""
        if not isinstance(item, IncomingMessage | Command):
            return NOT_ADDRESSED
        if not await self.assistant.takes_part(item.chat):
            return NOT_ADDRESSED
        may = await self.assistant.may_talk(item.chat, item.sender_id)
        return item if may else NOT_ADDRESSED

    async def _edited(self, item: Edited) -> Incoming:
        """In a channel, an edit of what we never stored is a message if it mentions us now."""
        if item.chat.kind == "private" or await self.assistant.knows(item.chat, item.message_id):
            return item
        return item.asked or Ignored("edited_unheard")

    async def _names(self, body: object, item: Spoken | Edited) -> Mapping[str, str]:
        """How those are called who are named, and who speaks; asked side by side."""
        called = people_in(body)
        if not _by_bot(item):
            called = [*called, item.sender_id]
        known = await self.people.of(called)
        return {one: person.name for one, person in known.items() if person.name}


def _by_bot(item: Spoken | Edited) -> bool:
    return isinstance(item, IncomingMessage) and item.from_bot
