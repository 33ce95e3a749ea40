import pytest

from bots.cli.evaluation.harness import question
from bots.cli.evaluation.questions import Outrider, Question
from bots.cli.evaluation.tasks.outrider_basics import judge, load

CHAT = '[{"role": "user", "content": "Two and two?"}]'


def test_a_tasks_words_become_the_apis():
    asked = question(CHAT, {"until": ["\n", "Q:"], "max_gen_toks": 8, "do_sample": False})
    assert asked.body() == {
        "model": "outrider",
        "messages": [{"role": "user", "content": "Two and two?"}],
        "temperature": 0.0,
        "max_tokens": 8,
        "stop": ["\n", "Q:"],
    }


def test_a_task_that_says_nothing_gets_a_greedy_answer_of_usual_length():
    assert question(CHAT, {"until": []}).body()["max_tokens"] == 256
    assert "stop" not in question(CHAT, {}).body()
    assert question(CHAT, {"until": "\n"}).body()["stop"] == ["\n"]
    assert question(CHAT, {"temperature": 0.7}).body()["temperature"] == 0.7


def test_an_answer_ends_before_the_first_of_all_its_ends_also_those_the_api_does_not_take():
    asked = Question([], until=("a", "b", "c", "d", "e"))
    assert asked.body()["stop"] == ["a", "b", "c", "d"]
    assert asked.cut("xyz e d") == "xyz "
    assert asked.cut("xyz") == "xyz"


def test_the_key_shows_in_no_repr():
    assert "sk-secret" not in repr(Outrider("http://127.0.0.1:1", "sk-secret"))


@pytest.mark.parametrize(
    ("answer", "said", "right"),
    [
        ("Paris", "The capital of France is Paris.", 1.0),
        ("Paris", "the answer: PARIS", 1.0),
        ("Paris", "Parisians live there.", 0.0),
        ("4", "2 plus 2 is 4.", 1.0),
        ("4", "It is 42, or 3.4, or 4.5.", 0.0),
        ("H2O", "Water is H2O", 1.0),
        ("0", "It freezes at 100 degrees.", 0.0),
    ],
)
def test_an_answer_is_right_where_the_word_stands_by_itself(answer, said, right):
    assert judge({"answer": answer}, [said]) == {"answered": right}


def test_our_questions_have_one_short_answer_each_that_they_dont_tell():
    questions = load()["test"]
    assert len(questions) == 40
    assert len({one["question"] for one in questions}) == 40
    for one in questions:
        assert judge(one, [one["question"]]) == {"answered": 0.0}, one
