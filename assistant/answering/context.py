"""The context: what of a conversation becomes the prompt of a turn.

The system prompt, then earlier turns, newest kept first as far as they fit, then this turn's own
messages. What was said in a thread before us is cut before any of these. A stateless request
(public API, experiments) brings all of its messages; nothing is added or cut. What a canned
answer stands for needs no prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.answering.canned import Canned
from assistant.answering.canned_answers import CannedAnswers
from assistant.answering.frozen_prompt import calls_read
from assistant.answering.history import History
from assistant.answering.personas import Persona, answering
from assistant.answering.prompt_parts import Composed, Opening
from assistant.answering.system_prompt import system_prompt
from assistant.answering.turns import ClaimedTurn
from assistant.files.shown_files import ShownFiles, before, in_words, of_message
from assistant.settings import AssistantSettings
from inference.api import ChatMessage, Engine, Image, Prompt
from inference.errors import PromptTooLong

STATELESS = frozenset({"api", "admin"})  # channels whose requests bring all of their messages
CUT_AT = 5
CHARACTERS_A_TOKEN = 3  # of most languages; few texts have fewer
LEAST_ANSWER_TOKENS = 512
LEAST_THREAD = 200  # characters; less of what was said in a thread says nothing


def unheard(composed: Composed) -> None:
    """For whoever wants the prompt alone."""


@dataclass(frozen=True, slots=True)
class Context:
    """`persona`: as whom it is answered; None for a stateless request."""

    prompt: Prompt
    persona: Persona | None


@dataclass(frozen=True, slots=True)
class CannedReply:
    """In place of a context. `language`: the person's, as far as it is known."""

    canned: Canned
    language: str


@dataclass(frozen=True, slots=True)
class ContextBuilder:
    """`canned`: where nothing is answered without the model, None."""

    history: History
    engine: Engine
    settings: AssistantSettings
    canned: CannedAnswers | None = None

    async def build(
        self, turn: ClaimedTurn, tell: Callable[[Composed], None] = unheard
    ) -> Context | CannedReply | None:
        """Render the prompt; None when all of the turn's messages were deleted meanwhile. `tell`
        hears of what it was made.

        Raises PromptTooLong when not even this turn alone fits.
        """
        rows = await self.history.of(turn)
        own = [row for row in rows if row.turn_id == turn.id]
        if not own:
            return None
        stateless = turn.channel in STATELESS
        if (canned := self._canned(turn, own, people=not stateless)) is not None:
            return CannedReply(canned, own[-1].about.get("language") or own[-1].language)
        persona = None if stateless else answering(self.settings, own[-1].about)
        return Context(await self._prompt(turn, rows, persona, tell), persona)

    def _canned(self, turn: ClaimedTurn, own: Sequence[Any], *, people: bool) -> Canned | None:
        if self.canned is None:
            return None
        return self.canned.find(_written_by_people(own), turn.account_id, people=people)

    async def _prompt(
        self,
        turn: ClaimedTurn,
        rows: Sequence[Any],
        persona: Persona | None,
        tell: Callable[[Composed], None],
    ) -> Prompt:
        own = next(row for row in rows if row.turn_id == turn.id)
        images = await self._images(rows, turn.id)
        stateless = persona is None
        opening = Opening() if persona is None else self._opening(persona, own.about)
        system = [] if stateless else [ChatMessage("system", opening.text)]
        room = _longest_thread(rows)
        turns = list(dict.fromkeys(row.turn_id for row in rows))
        dropped = start_of(turns, 1) if len(turns) > self.settings.history_turns else 0
        while True:
            shown = list(exchanges(rows, turn.id, images, room).items())[dropped:]
            messages = merged([*system, *(one for _, exchange in shown for one in exchange)])
            try:
                prompt = await self.engine.render(messages, turn.sampling)
            except PromptTooLong:
                if room:
                    room = room // 4 if room // 4 >= LEAST_THREAD else 0
                elif stateless or len(shown) == 1:
                    raise
                else:  # The oldest quarter goes: few renderings, and the next turn needs none.
                    dropped = start_of(turns, dropped + max(1, len(shown) // 4))
            else:
                if not stateless and len(shown) > 1 and self._seems_too_long(prompt, turn):
                    dropped = start_of(turns, dropped + max(1, len(shown) // 4))
                    continue
                made = (prompt, turn.id, dict(shown), _message_ids(rows, shown), opening)
                tell(Composed(*made, room, tuple(images), dropped))
                return prompt

    def _seems_too_long(self, prompt: Prompt, turn: ClaimedTurn) -> bool:
        """Of one whose tokens nobody can count here, by its characters: rather lose what is oldest
        than be refused for all that was ever said."""
        if prompt.token_ids is not None:
            return False
        characters = sum(len(message.content) for message in prompt.messages)
        room = turn.sampling.max_tokens or self.settings.answer_tokens or LEAST_ANSWER_TOKENS
        return characters > CHARACTERS_A_TOKEN * max(self.engine.info.max_model_len - room, 0)

    async def restored(self, prompt: Prompt) -> Prompt:
        """A frozen prompt, with the images that it only names."""
        return await ShownFiles(self.history.database).restored(prompt)

    def _opening(self, persona: Persona, about: Mapping[str, Any]) -> Opening:
        general = (self.settings.system_prompt, persona.prompt)
        told = system_prompt(*general, about)
        instructions = system_prompt(*general, {**about, "memories": None})
        language = about.get("language") or ""
        return Opening(instructions, told.removeprefix(instructions), persona.name, language)

    async def _images(self, rows: Sequence[Any], turn_id: int) -> Mapping[int, Image]:
        """A turn may have failed of its image: it must not spoil those after it."""
        if not self.engine.info.vision:
            return {}
        shown = [row for row in rows if row.turn_id == turn_id or row.state != "failed"]
        return await ShownFiles(self.history.database).images([row.files or () for row in shown])


def start_of(turns: Sequence[int], least: int) -> int:
    """Where a history begins that loses at least the `least` oldest of these turns.

    At a turn whose id is a multiple of CUT_AT, if one comes soon: so it begins there for the next
    turns too, and the engine has it in its prefix cache, where one turn fewer each time would
    change all of it. Never after the last, which is to be answered.
    """
    last = len(turns) - 1
    soon = range(least, min(least + len(turns) // 4, last) + 1)
    return next((one for one in soon if turns[one] % CUT_AT == 0), min(least, last))


def _written_by_people(own: Sequence[Any]) -> Iterator[str]:
    """What a turn asks in words, files that are texts included."""
    for row in own:
        if row.role in ("user", "raw"):
            yield row.text
            yield from (file["text"] or "" for file in row.files or () if file["kind"] == "text")


def _longest_thread(rows: Sequence[Any]) -> int:
    files = [file for row in rows for file in row.files or () if file["kind"] == "thread"]
    return max((len(file["text"] or "") for file in files), default=0)


def _message_ids(
    rows: Sequence[Any], shown: Sequence[tuple[int, Sequence[ChatMessage]]]
) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {turn_id: [] for turn_id, _ in shown}
    for row in rows:
        if row.turn_id in found:
            found[row.turn_id].append(row.message_id)
    return found


def exchanges(
    rows: Sequence[Any], turn_id: int, images: Mapping[int, Image], room: int
) -> dict[int, list[ChatMessage]]:
    """The messages of each turn, oldest first; the turn to answer is the last.

    `room`: how many characters of what was said in a thread before are shown.
    """
    found: dict[int, list[ChatMessage]] = {}
    replies: dict[int, str] = {}
    for row in rows:
        files = row.files or ()
        spoken = "\n\n".join(filter(None, (*in_words(files, images), row.text)))
        if row.kind == "group":
            spoken = f"{row.sender}: {spoken}"
        spoken = "\n\n".join(filter(None, (before(files, room), spoken)))
        called = (calls_read(row.tool_calls), row.tool_call_id)
        message = ChatMessage(row.role, spoken, of_message(files, images), *called)
        found.setdefault(row.turn_id, []).append(message)
        replies[row.turn_id] = row.reply
    for one, reply in replies.items():
        if one != turn_id and reply:
            found[one].append(ChatMessage("assistant", reply))
    return found


def merged(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Neighbours of one role become one message: chat templates want them to alternate.

    Not so what is part of a tool call: each has an id of its own.
    """
    result: list[ChatMessage] = []
    for message in messages:
        if result and result[-1].role == message.role and not _calls(result[-1], message):
            together = "\n\n".join(filter(None, (result[-1].content, message.content)))
            images = (*result[-1].images, *message.images)
            result[-1] = ChatMessage(message.role, together, images)
        else:
            result.append(message)
    return result


def _calls(*messages: ChatMessage) -> bool:
    return any(one.role == "tool" or one.tool_calls for one in messages)
