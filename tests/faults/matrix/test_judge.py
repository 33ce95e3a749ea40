"""The judge must be able to say no: each thing that may not happen is shown to it once."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.matrix.controls import CONTROLS, edited
from tests.faults.matrix.judge import Chat, Verdict, judge
from tests.faults.matrix.platform import PLACEHOLDER, Shown
from tests.faults.matrix.questions import Pace, Question, answer_text
from tests.faults.matrix.record import TurnRecord

PACE = Pace()
FIRST, SECOND = Question("zq01", "where is zq01 🚀", 0.0), Question("zq02", "and zq02 你好", 0.5)


async def seen(
    *texts: Sequence[str],
    asked: Sequence[Question] = (FIRST, SECOND),
    arrived: Sequence[Question] = (FIRST, SECOND),
    turns: Sequence[TurnRecord] = (),
) -> Verdict:
    """The verdict on a chat in which messages with these texts stand."""
    shown = [Shown(str(number), list(one)) for number, one in enumerate(texts)]
    numbers = {one.tag: number for number, one in enumerate(arrived)}
    return await judge(Chat("chat", asked, numbers, shown, turns), PACE)


async def whole(earlier: int, *questions: Question) -> str:
    return await answer_text(earlier, questions, PACE)


def turn(*arrivals: int, left: int = 0) -> TurnRecord:
    return TurnRecord(1, "chat", "done", "", False, "done", left, arrivals, ())


async def test_whole_answers_in_order_are_fine() -> None:
    first, second = await whole(0, FIRST), await whole(1, SECOND)
    verdict = await seen((PLACEHOLDER, first[:40], first), (PLACEHOLDER, second))
    assert verdict == Verdict()


async def test_who_waits_is_told_so_before_the_answer_but_not_in_its_place() -> None:
    first = await whole(0, FIRST)
    assert await seen((PLACEHOLDER, "2 before you…", "", first), asked=[FIRST]) == Verdict()
    assert (await seen((PLACEHOLDER, "2 before you…"), asked=[FIRST])).lost == 1


async def test_questions_that_are_answered_together_are_fine() -> None:
    assert await seen((PLACEHOLDER, await whole(0, FIRST, SECOND))) == Verdict()


async def test_an_answer_in_two_messages_of_the_platform_is_one_answer() -> None:
    first = await whole(0, FIRST)
    cut = first.index(" ", 60)
    assert await seen((first[:cut],), (first[cut:],), asked=[FIRST]) == Verdict()


async def test_a_question_without_an_answer_is_lost() -> None:
    assert (await seen((await whole(0, FIRST),))).lost == 1


async def test_an_answer_that_stops_half_way_is_lost() -> None:
    verdict = await seen((PLACEHOLDER, (await whole(0, FIRST))[:60]), asked=[FIRST])
    assert verdict.lost == 1


async def test_an_answer_that_a_late_edit_cut_short_again_is_lost() -> None:
    first = await whole(0, FIRST)
    assert (await seen((PLACEHOLDER, first, first[:30]), asked=[FIRST])).lost == 1


async def test_an_answer_that_stands_in_two_messages_is_doubled() -> None:
    first = await whole(0, FIRST)
    assert (await seen((first,), (first,), asked=[FIRST])).doubled == 1


async def test_an_answer_that_ever_stood_in_two_messages_is_doubled() -> None:
    first = await whole(0, FIRST)
    assert (await seen((first[:50], PLACEHOLDER), (first,), asked=[FIRST])).doubled == 1


async def test_a_message_in_two_turns_is_doubled() -> None:
    first = await whole(0, FIRST)
    assert (await seen((first,), asked=[FIRST], turns=[turn(7), turn(7)])).doubled == 1


async def test_answers_in_another_order_than_the_questions_are_seen() -> None:
    verdict = await seen((await whole(0, SECOND),), (await whole(1, FIRST),))
    assert (verdict.disorder, verdict.lost) == (1, 0)


async def test_what_the_platform_brought_first_may_be_answered_first() -> None:
    shown = ((await whole(0, SECOND),), (await whole(1, FIRST),))
    assert await seen(*shown, arrived=(SECOND, FIRST)) == Verdict()


async def test_together_questions_are_answered_as_the_person_wrote_them() -> None:
    verdict = await seen((await whole(0, SECOND, FIRST),), arrived=(SECOND, FIRST))
    assert verdict.disorder == 1


async def test_another_text_that_a_message_once_showed_is_seen() -> None:
    verdict = await seen((PLACEHOLDER, "Oh no", await whole(0, FIRST)), asked=[FIRST])
    assert (verdict.garbled, verdict.lost) == (1, 0)


async def test_a_placeholder_may_stay_where_it_is_counted() -> None:
    shown = ((PLACEHOLDER,), (await whole(0, FIRST),))
    counted = await seen(*shown, asked=[FIRST], turns=[turn(7, left=1)])
    assert (counted.clean, counted.left) == (True, 1)
    assert (await seen(*shown, asked=[FIRST], turns=[turn(7)])).uncounted == 1


async def after(deed: str, *texts: Sequence[str], reply: str = "", acted: bool = True) -> Verdict:
    """The verdict on a chat in which this was done to the first question."""
    shown = [Shown(str(number), list(one)) for number, one in enumerate(texts)]
    record = TurnRecord(1, "chat", "done", reply, False, "done", 0, (7,), ())
    return await CONTROLS[deed].judge(Chat("chat", [FIRST], {}, shown, [record]), PACE, acted)


async def test_an_edited_question_is_answered_anew_in_the_same_message() -> None:
    old, new = await whole(0, FIRST), await whole(0, edited(FIRST))
    assert await after("edit", (PLACEHOLDER, old, PLACEHOLDER, new)) == Verdict()
    assert (await after("edit", (PLACEHOLDER, old))).lost == 1
    assert (await after("edit", (PLACEHOLDER, old), (PLACEHOLDER, new))).doubled == 1


async def test_a_stopped_answer_shows_what_was_said_and_no_more() -> None:
    said = (await whole(0, FIRST))[:45]
    assert await after("stop", (PLACEHOLDER, said), reply=said) == Verdict()
    assert await after("stop", (PLACEHOLDER, "Stopped.")) == Verdict()
    assert (await after("stop", (PLACEHOLDER, said[:20]), reply=said)).lost == 1
    assert (await after("stop", (PLACEHOLDER, said), reply=said, acted=False)).lost == 1


async def test_of_a_deleted_question_no_answer_stays() -> None:
    answer = await whole(0, FIRST)
    shown = Shown("1", [PLACEHOLDER, answer], deleted=True)
    chat = Chat("chat", [FIRST], {}, [shown], [])
    assert await CONTROLS["delete"].judge(chat, PACE, True) == Verdict()
    assert (await after("delete", (PLACEHOLDER, answer))).lost == 1
