import pickle

from inference.errors import EngineUnavailable, PromptTooLong


def test_an_error_crosses_processes_with_its_numbers_and_its_sentence():
    error = pickle.loads(pickle.dumps(PromptTooLong(9_000, 8_000)))
    assert type(error) is PromptTooLong
    assert (error.prompt_tokens, error.limit_tokens) == (9_000, 8_000)
    assert "shorten it by 1,000 tokens" in str(error)
    assert str(pickle.loads(pickle.dumps(EngineUnavailable("Wait.")))) == "Wait."


def test_where_nobody_counted_a_prompt_that_is_too_long_no_figure_is_told():
    error = PromptTooLong()
    assert str(error) == "The prompt is longer than the model reads: shorten it."
    assert pickle.loads(pickle.dumps(error)).prompt_tokens == 0


def test_who_asks_for_too_long_an_answer_is_told_so():
    assert str(PromptTooLong(20, 0, 8_192)).endswith(
        "reads at most 0 beside an answer of up to 8,192: ask for a shorter answer."
    )
    both = "beside an answer of up to 8,000: ask for a shorter answer, or shorten it by 8 tokens."
    assert str(PromptTooLong(200, 192, 8_000)).endswith(both)
