import pickle

from inference.errors import EngineUnavailable, PromptTooLong


def test_an_error_crosses_processes_with_its_numbers_and_its_sentence():
    error = pickle.loads(pickle.dumps(PromptTooLong(9_000, 8_000)))
    assert type(error) is PromptTooLong
    assert (error.prompt_tokens, error.limit_tokens) == (9_000, 8_000)
    assert "shorten it by 1,000 tokens" in str(error)
    assert str(pickle.loads(pickle.dumps(EngineUnavailable("Wait.")))) == "Wait."
