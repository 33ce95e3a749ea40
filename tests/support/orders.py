"""What a person orders and presses, and what the model was told, for tests of the service."""

from __future__ import annotations

from itertools import count

from assistant.answering.context import Context, ContextBuilder
from assistant.answering.history import History
from assistant.answering.turns import Claimant
from assistant.messages import Answer, ButtonAction, ButtonPressed, ChatRef, Command, CommandName
from assistant.settings import AssistantSettings
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import CHAT, House, until

GROUP = ChatRef("telegram", "default", "-100", kind="group")
_numbers = count(50_000)


def quick(tokens_per_second: float = 2_000.0, answer_tokens: int = 12) -> ScriptedEngine:
    settings = ScriptedSettings(tokens_per_second=tokens_per_second, answer_tokens=answer_tokens)
    return ScriptedEngine(settings)


async def answered(
    home: House,
    name: CommandName,
    argument: str = "",
    *,
    chat: ChatRef = CHAT,
    sender: str = "7",
    language: str = "",
    about: str = "",
    message_id: str = "",
) -> Answer:
    """What the order is answered with."""
    return await home.service.command(
        Command(
            chat, name, sender, "Ana", message_id or str(next(_numbers)), argument, about, language
        )
    )


async def told(home: House, name: CommandName, argument: str = "", **how: str) -> str:
    return (await answered(home, name, argument, **how)).text  # type: ignore[arg-type]


async def asked(home: House, text: str, chat: ChatRef = CHAT, **values: str) -> tuple[int, str]:
    """The turn that answered, and the id of the message that shows its answer."""
    accepted = await home.say(text, chat, **values)
    await home.answer(accepted.turn_id)
    await until(lambda: shown_by(home, accepted.turn_id, chat))
    return accepted.turn_id, shown_by(home, accepted.turn_id, chat)


def shown_by(home: House, turn_id: int, chat: ChatRef = CHAT) -> str:
    """The message that shows this turn's whole answer; empty where there is none yet."""
    found = [
        one.id for one in home.screen.chats[chat.chat_id] if one.turn_id == turn_id and one.last
    ]
    return found[-1] if found else ""


def press(
    action: ButtonAction,
    turn_id: int,
    *,
    chat: ChatRef = CHAT,
    sender: str = "7",
    event_id: str = "",
    language: str = "",
) -> ButtonPressed:
    event = event_id or f"press-{next(_numbers)}"
    return ButtonPressed(chat, action, turn_id, sender, "1", event, "Ana", language)


async def system_prompt(home: House, settings: AssistantSettings | None = None) -> str:
    """What the model is told first in the next turn of the queue, which is ended after it."""
    used = settings or home.settings
    [turn] = await home.turns.claim(Claimant("worker", 10.0, "scripted-1"), 1)
    engine = quick()
    await engine.start(lambda line, share: None)
    built = await ContextBuilder(History(home.database, used), engine, used).build(turn)
    assert isinstance(built, Context)
    await home.rows("UPDATE turns SET state = 'done' WHERE id = %(id)s", {"id": turn.id})
    [first, *_] = built.prompt.messages
    assert first.role == "system"
    return first.content
