"""What an event means, as far as it takes more than the event: where we listen, and who is who."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assistant.errors import MessageRefused, Silenced
from assistant.messages import (
    ButtonPressed,
    Command,
    Edited,
    Ignored,
    Incoming,
    IncomingMessage,
    Membership,
    Notice,
)
from assistant.service import Assistant
from bots.slack.identity import BotIdentity
from bots.slack.people import People, Person
from bots.slack.reading.files import SlackFiles
from bots.slack.reading.parse import (
    NOT_ADDRESSED,
    OUTSIDER,
    Reading,
    message_in,
    parse_event,
    people_in,
    with_message,
    workspace_of,
)
from bots.slack.reading.payload import Object

Spoken = IncomingMessage | Command | ButtonPressed | Notice


@dataclass(frozen=True, slots=True)
class Speaker:
    """What Slack tells of somebody; empty is unknown."""

    name: str
    language: str
    member: Membership


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
            item = await self._in_thread(body, reading)
        if isinstance(item, Edited):
            item = await self._edited(item)
        if not isinstance(item, Spoken | Edited):
            return item, message_in(body)
        message = await self.files.described(message_in(body))
        body = with_message(body, message)
        again = parse_event(body, replace(reading, names=await self._names(body, item)))
        if isinstance(again, Edited) and again.asked is not None and not isinstance(item, Edited):
            again = again.asked
        return await self.introduced(again, reading.bot, workspace_of(body)), message

    async def introduced(self, item: Incoming, bot: BotIdentity, workspace: str = "") -> Incoming:
        """With the language, the name and the standing of who is speaking, as far as Slack tells
        them. `workspace`: which the speaker comes from; empty: ours."""
        if not isinstance(item, Spoken | Edited) or not item.sender_id:
            return item
        if _by_bot(item):
            return replace(item, member=Membership(workspace or bot.team_id))
        speaker = await self.speaker(item.sender_id, bot, workspace)
        if isinstance(item, Edited):
            return replace(item, member=speaker.member)
        return replace(
            item,
            language=speaker.language or item.language,
            sender_name=speaker.name or item.sender_name,
            member=speaker.member,
        )

    async def speaker(self, user_id: str, bot: BotIdentity, workspace: str = "") -> Speaker:
        """Who this is. An admin is one of the workspace that our bot is in."""
        person = (await self.people.of([user_id])).get(user_id, Person())
        home = workspace or person.team_id or bot.team_id
        ours = home == person.team_id == bot.team_id
        return Speaker(person.name, person.language, Membership(home, ours and person.admin))

    async def permitted(self, item: Incoming, *, alone: bool = False) -> Incoming:
        """Why something can't be taken is told to whom may talk here; others hear how to ask.

        `alone`: nobody else sees it, so an order is refused as often as it is given. Raises
        StorageUnavailable.
        """
        if not isinstance(item, Notice | Command) or (isinstance(item, Command) and not alone):
            return item
        if isinstance(item, Notice) and item.phrase == OUTSIDER:
            return item
        who = (item.sender_id, item.sender_name, item.member)
        try:
            await self.assistant.admit(item.chat, *who, alone=alone)
        except Silenced:
            return Ignored("silenced")
        except MessageRefused as refused:
            reply_to = item.reply_to if isinstance(item, Notice) else item.message_id
            return Notice(item.chat, refused.phrase, reply_to, item.sender_id, item.language)
        return item

    async def _in_thread(self, body: object, reading: Reading) -> Incoming:
        """What is said without a mention counts in a thread that we take part in, said by who may
        talk to us. Nothing of it is stored otherwise, and nobody is refused anything."""
        item = parse_event(body, reading)
        if not isinstance(item, IncomingMessage | Command):
            return NOT_ADDRESSED
        if not await self.assistant.takes_part(item.chat):
            return NOT_ADDRESSED
        speaker = await self.speaker(item.sender_id, reading.bot, workspace_of(body))
        may = await self.assistant.may_talk(item.chat, item.sender_id, speaker.member)
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
