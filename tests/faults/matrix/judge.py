"""The judge: what a person was promised against what stands on the platform.

Nobody's word is taken for it. A turn that the database calls done and that is not to be read in
the chat is a loss; and no message may ever have shown anything but the beginning of its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.matrix.platform import Shown, says_nothing
from tests.faults.matrix.questions import BEGINNING, Pace, Question, answer_text, plain
from tests.faults.matrix.record import TurnRecord

SHOWN_CHARACTERS = 200


@dataclass(slots=True)
class Verdict:
    """Counts, and for each a sentence with what was seen. All zero is what must hold."""

    lost: int = 0
    doubled: int = 0
    disorder: int = 0
    garbled: int = 0  # messages that showed something else than their answer
    left: int = 0  # empty placeholders that stand there: allowed, where they are counted
    uncounted: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.disorder or self.garbled or self.uncounted)

    def add(self, other: Verdict) -> None:
        self.lost += other.lost
        self.doubled += other.doubled
        self.disorder += other.disorder
        self.garbled += other.garbled
        self.left += other.left
        self.uncounted += other.uncounted
        self.notes += other.notes


@dataclass(frozen=True, slots=True)
class Chat:
    """All that is known of one chat. `asked` as the person wrote; `arrived`: tag → when stored."""

    name: str
    asked: Sequence[Question]
    arrived: Mapping[str, int]
    shown: Sequence[Shown]
    turns: Sequence[TurnRecord]

    def tags_in(self, text: str) -> list[str]:
        """In the order in which they stand there."""
        return sorted((one.tag for one in self.asked if one.tag in text), key=text.find)


@dataclass(frozen=True, slots=True)
class Answer:
    """Messages of the bot's that belong together, as they stand; whole: what they should say."""

    tags: Sequence[str]
    text: str
    whole: str


async def judge(chat: Chat, pace: Pace) -> Verdict:
    """By the scripted engine's words at this pace."""
    verdict = Verdict()
    answers = await _answers(chat, pace)
    _judge_texts(chat, answers, verdict)
    _judge_order(chat, answers, verdict)
    _judge_doubles(chat, verdict)
    judge_placeholders(chat, verdict)
    return verdict


async def _answers(chat: Chat, pace: Pace) -> Sequence[Answer]:
    """Each begins with the script's beginning; the messages after it go on with it."""
    groups: list[list[str]] = []
    for one in chat.shown:
        if one.deleted or one.empty:
            continue
        if not groups or plain(one.text).startswith(BEGINNING):
            groups.append([])
        groups[-1].append(one.text)
    answers = []
    for earlier, group in enumerate(groups):
        text = plain(" ".join(group))
        tags = chat.tags_in(text)
        questions = [one for one in chat.asked if one.tag in tags]
        whole = plain(await answer_text(earlier, questions, pace)) if tags else ""
        answers.append(Answer(tags, text, whole))
    return answers


def _judge_texts(chat: Chat, answers: Sequence[Answer], verdict: Verdict) -> None:
    """Each question has its whole answer, and no message ever showed anything else."""
    for answer in answers:
        if answer.text != answer.whole:
            verdict.notes.append(
                f"{chat.name} shows {_short(answer.text)}\n    not {_short(answer.whole)}"
            )
            verdict.garbled += not answer.tags
    answered = {tag for one in answers if one.text == one.whole for tag in one.tags}
    for question in chat.asked:
        if question.tag not in answered:
            verdict.lost += 1
            verdict.notes.append(f"{chat.name}: no whole answer to {_short(question.text)}")
    for message in chat.shown:
        for text in message.texts:
            said = plain(text)
            if not says_nothing(said) and not any(said in one.whole for one in answers):
                verdict.garbled += 1
                verdict.notes.append(
                    f"{chat.name}: message {message.message_id} once showed {_short(said)}"
                )
                break


def _judge_order(chat: Chat, answers: Sequence[Answer], verdict: Verdict) -> None:
    """What came first is answered first; what is answered together, as the person wrote it."""
    first = [min(chat.arrived.get(tag, 0) for tag in one.tags) for one in answers if one.tags]
    written = [one.tag for one in chat.asked]
    together = [[written.index(tag) for tag in one.tags] for one in answers]
    if first != sorted(first) or any(one != sorted(one) for one in together):
        verdict.disorder += 1
        verdict.notes.append(
            f"{chat.name}: asked {written}, arrived {sorted(chat.arrived, key=chat.arrived.get)},"
            f" answered {[one.tags for one in answers]}"
        )


def _judge_doubles(chat: Chat, verdict: Verdict) -> None:
    """No question's answer ever stood in two messages, and none belongs to two turns."""
    for one in chat.asked:
        where = [m.message_id for m in chat.shown if any(one.tag in text for text in m.texts)]
        if len(where) > 1:
            verdict.doubled += 1
            verdict.notes.append(f"{chat.name}: {one.tag} is answered in the messages {where}")
    linked = [number for turn in chat.turns if not turn.superseded for number in turn.arrivals]
    for number in sorted({one for one in linked if linked.count(one) > 1}):
        verdict.doubled += 1
        verdict.notes.append(f"{chat.name}: message {number} belongs to two turns")


def judge_placeholders(chat: Chat, verdict: Verdict) -> None:
    """An empty placeholder may stay behind where that is counted."""
    verdict.left = sum(one.empty and not one.deleted for one in chat.shown)
    counted = sum(turn.placeholders_left for turn in chat.turns)
    if verdict.left > counted:
        verdict.uncounted = verdict.left - counted
        verdict.notes.append(f"{chat.name}: {verdict.left} empty placeholders, {counted} counted")


def _short(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return repr(text)
    half = SHOWN_CHARACTERS // 2
    return f"{text[:half]!r} … {text[-half:]!r} ({len(text)} characters)"
