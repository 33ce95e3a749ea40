"""reactions.add and reactions.remove."""

from __future__ import annotations

from tests.fakes.slack.asked import Answer, Asked, Method
from tests.fakes.slack.refused import Refused
from tests.fakes.slack.workspace import Message

# Some of those that every workspace has
EMOJI = frozenset({"eyes", "thumbsup", "thumbsdown", "hourglass", "white_check_mark", "x"})


def add(asked: Asked) -> Answer:
    message, name = _aim(asked)
    if name not in EMOJI:
        raise Refused("invalid_name")
    if name in message.reactions:
        raise Refused("already_reacted")
    message.reactions.append(name)
    return {}


def remove(asked: Asked) -> Answer:
    message, name = _aim(asked)
    if name not in message.reactions:
        raise Refused("no_reaction")
    message.reactions.remove(name)
    return {}


def _aim(asked: Asked) -> tuple[Message, str]:
    channel = asked.writable()
    message = asked.workspace.find(channel.id, asked.text("timestamp"))
    if message is None:
        raise Refused("message_not_found")
    return message, asked.text("name")


TABLE: dict[str, Method] = {"reactions.add": add, "reactions.remove": remove}
