"""Settings of the conversation service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from pydantic.config import JsonDict

# Short on purpose: the demo model loses the thread of anything longer.
DEFAULT_SYSTEM_PROMPT = "You are Outrider, a helpful AI assistant."
# Of a field that an admin may change while Outrider runs (`live_settings.py`): whoever uses it
# reads it from the settings each time, and keeps no copy.
LIVE: JsonDict = {"live": True}


class PersonaSettings(BaseModel, extra="forbid"):
    title: str = Field(
        min_length=1, max_length=100, description="What `/persona` shows beside the name."
    )
    prompt: str = Field(
        min_length=1, max_length=8_000, description="What is added to the system prompt."
    )
    prompts: tuple[Annotated[str, Field(min_length=1, max_length=300)], ...] = Field(
        (),
        max_length=4,
        description="What people are offered to ask it first, where a platform shows that.",
    )


class AssistantSettings(BaseModel, extra="forbid"):
    """`OUTRIDER_ASSISTANT__…`"""

    system_prompt: str = Field(
        DEFAULT_SYSTEM_PROMPT,
        description="What the model is told before each conversation.",
        json_schema_extra=LIVE,
    )
    personas: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")], PersonaSettings] = Field(
        default_factory=dict,
        description="What `/persona NAME` offers beside `default`, `brief`, `teacher` and `editor`:"
        " each with a `title` and a `prompt`, which is added to the system prompt.",
    )
    content_access: Literal["everything", "metadata", "consent"] = Field(
        "everything",
        description="What admins may read of people's conversations: everything; `metadata`: who,"
        " where and when, and no text; `consent`: the private chats of those who allow it by"
        " `/privacy allow`. Each reading is in the audit log.",
        json_schema_extra=LIVE,
    )
    bot_answers: int = Field(
        3,
        ge=0,
        description="Answers to another bot in one chat within the window; then silence.",
        json_schema_extra=LIVE,
    )
    bot_window_seconds: float = Field(
        600.0,
        gt=0,
        description="The window in which answers to another bot are counted.",
        json_schema_extra=LIVE,
    )
    history_turns: int = Field(
        40,
        ge=1,
        description="At most so many earlier turns are part of a prompt.",
        json_schema_extra=LIVE,
    )
    answer_tokens: int | None = Field(
        None,
        ge=1,
        description="Longest answer where the request doesn't say; else the profile's.",
        json_schema_extra=LIVE,
    )
    message_characters: int = Field(
        32_000,
        ge=1,
        description="Longest message that is accepted; a longer one is refused.",
        json_schema_extra=LIVE,
    )
    concurrent_turns: int | None = Field(
        None,
        ge=1,
        description="Turns that one worker runs at once; else as many as its engine decodes "
        "together, 32 at least.",
        json_schema_extra=LIVE,
    )
    lease_seconds: float = Field(
        10.0, gt=0, description="A worker that is silent for so long loses its turns to another."
    )
    checkpoint_seconds: float = Field(
        1.0, gt=0, description="How often a running reply is written to Postgres."
    )
    flush_seconds: float = Field(
        0.025, gt=0, description="How often new tokens are published to readers."
    )
    turn_seconds: float = Field(
        600.0, gt=0, description="Longest time one attempt may take.", json_schema_extra=LIVE
    )
    drain_seconds: float = Field(
        5.0,
        ge=0,
        description="When it is asked to end, answers that are being written may end for so long; "
        "the others go on where it starts next, or at another worker.",
    )
    deadline_seconds: float = Field(
        1800.0,
        gt=0,
        description="A question that isn't answered so long after it came, waiting included, ends"
        " in a sentence that says so.",
        json_schema_extra=LIVE,
    )
    person_turns: int = Field(
        100,
        ge=1,
        description="Questions of one person that may wait or be answered at once; one more is"
        " refused.",
        json_schema_extra=LIVE,
    )
    waiting_turns: int = Field(
        10_000,
        ge=1,
        description="Questions of all that may wait; one more is refused.",
        json_schema_extra=LIVE,
    )
    waiting_tokens: int = Field(
        5_000_000,
        ge=1,
        description="Tokens of all questions that may wait, at four characters a token; what is"
        " more is refused.",
        json_schema_extra=LIVE,
    )
    attempts: int = Field(
        5, ge=1, description="Tries at a turn before it has failed.", json_schema_extra=LIVE
    )
    maintenance: bool = Field(
        False,
        description="Let nothing new in: who asks is told so. What was asked before is answered.",
        json_schema_extra=LIVE,
    )
    maintenance_message: str = Field(
        "",
        max_length=500,
        description="What people are told beside that, in your own words: why, and until when.",
        json_schema_extra=LIVE,
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        None,
        description="The least severe line that every process writes, in place of its own"
        " `OUTRIDER_LOG__LEVEL`.",
        json_schema_extra=LIVE,
    )
    trace_days: float = Field(
        30.0,
        gt=0,
        description="Each answer's steps and edits are kept for so many days, for the"
        " dashboard's traces.",
    )
