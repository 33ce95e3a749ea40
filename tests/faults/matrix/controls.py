"""What a person does about a question besides asking it: edits it, stops its answer, deletes it.

One question a chat, and the deed at a chance moment, while something dies.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.matrix.judge import Chat, Verdict, judge_placeholders
from tests.faults.matrix.platform import Platform, Shown, says_nothing
from tests.faults.matrix.questions import Pace, Question, answer_text, make_question, plain

STOPPED = "Stopped."


@dataclass(frozen=True, slots=True)
class Control:
    """`act` is done in a chat to a question, and says whether it could be. `right`: the texts that
    may stand there in the end, none for an empty chat; `ever`: whose beginnings a message may have
    shown."""

    name: str
    act: Callable[[Platform, str, str, Question], bool]
    right: Callable[[str, str, Chat], Sequence[str]]
    ever: Callable[[str, str], Sequence[str]]

    def question(self, chance: random.Random, chat: int) -> Question:
        return make_question(chance, f"zq{chat:02}0{chance.randrange(16**4):04x}", 0.0)

    async def judge(self, chat: Chat, pace: Pace, acted: bool) -> Verdict:
        (asked,) = chat.asked
        first = plain(await answer_text(0, [asked], pace))
        then = plain(await answer_text(0, [edited(asked)], pace))
        right = self.right(first, then, chat) if acted else [first]
        ever = [*self.ever(first, then), *right]
        verdict = Verdict()
        standing = [plain(one.text) for one in chat.shown if not one.deleted and not one.empty]
        if len(standing) != bool(right) or not set(standing) <= set(right):
            verdict.lost = 1
            verdict.notes.append(f"{chat.name} shows {standing}\n    not {right}; {chat.turns}")
        spoke = [one.message_id for one in chat.shown if _spoke(one)]
        if len(spoke) > 1:
            verdict.doubled = 1
            verdict.notes.append(f"{chat.name}: answered in the messages {spoke}")
        for text in (plain(text) for one in chat.shown for text in one.texts):
            if not says_nothing(text) and not any(text in whole for whole in ever):
                verdict.garbled = 1
                verdict.notes.append(f"{chat.name} once showed {text!r}")
        judge_placeholders(chat, verdict)
        return verdict


def edited(question: Question) -> Question:
    """The question with more to it. Its old tag stays in it, too."""
    tag = question.tag[::-1]
    return Question(tag, f"{question.text} or rather {tag}", 0.0)


def _spoke(one: Shown) -> bool:
    return not all(says_nothing(text) for text in one.texts)


def _edit(platform: Platform, chat: str, message_id: str, question: Question) -> bool:
    platform.edit(chat, message_id, edited(question).text)
    return True


def _stop(platform: Platform, chat: str, message_id: str, question: Question) -> bool:
    return platform.press_stop(chat)


def _delete(platform: Platform, chat: str, message_id: str, question: Question) -> bool:
    platform.delete(chat, message_id)
    return True


def _what_was_said(first: str, then: str, chat: Chat) -> Sequence[str]:
    """As much as the turn has, which is a beginning of the answer; a word where it has nothing."""
    said = [plain(turn.reply) for turn in chat.turns]
    return [one or STOPPED for one in said if first.startswith(one)]


CONTROLS: Mapping[str, Control] = {
    one.name: one
    for one in (
        Control("edit", _edit, lambda first, then, chat: [then], lambda first, then: [first, then]),
        Control("stop", _stop, _what_was_said, lambda first, then: [first]),
        Control(
            "delete",
            _delete,
            lambda first, then, chat: [],
            lambda first, then: [first],
        ),
    )
}
