"""What a reply's end says, and in which language."""

from __future__ import annotations

import pytest

from assistant.messages import ReplyDelta, TurnState
from assistant.outgoing.show import ShownReply
from assistant.phrases import LANGUAGES, sentences
from inference.errors import PromptTooLong

STORED = "The prompt has 9,000 tokens and the model reads at most 8,192: shorten it by 808 tokens."


def ended(state: TurnState, language: str, text: str = "", error: str = "", code: str = "") -> str:
    reply = ShownReply(language)
    reply.apply(ReplyDelta(1, 1, 0, text, state=state, error=error, error_code=code))
    return reply.visible()


@pytest.mark.parametrize("language", ["", "en-gb", "xx"])
def test_in_english_a_failure_keeps_its_figures(language: str) -> None:
    assert ended("failed", language, error=STORED, code="prompt_too_long") == f"⚠ {STORED}"


def test_in_another_language_a_known_failure_is_said_by_its_code() -> None:
    said = ended("failed", "de", "So far", "It took too long.", "timeout")
    assert said == f"So far\n\n⚠ {sentences('de')['error.timeout']}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_every_language_it_is_said_how_many_tokens_it_is_too_long(language: str) -> None:
    stored = str(PromptTooLong(12_345, 8_192))
    said = ended("failed", language, error=stored, code="prompt_too_long")
    assert "4153" in said.replace(sentences(language)["language.thousands"], "")
    without = ended("failed", "de", error="Too long.", code="prompt_too_long")
    assert without == f"⚠ {sentences('de')['error.prompt_too_long']}"


def test_a_failure_of_an_unknown_code_is_said_as_it_was_stored() -> None:
    assert ended("failed", "de", error="A new one.", code="brand_new") == "⚠ A new one."
    assert ended("failed", "de", code="brand_new") == f"⚠ {sentences('de')['ending.failed']}"


@pytest.mark.parametrize("state", ["done", "stopped", "cancelled"])
def test_an_end_without_text_is_said_in_words(state: TurnState) -> None:
    assert ended(state, "ar") == sentences("ar")[f"ending.{state}"]
    assert ended(state, "ar", "Text") == "Text"
