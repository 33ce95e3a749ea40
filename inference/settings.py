"""The engine's settings (`OUTRIDER_ENGINE__…`). This module imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

ProfileName = Literal["demo", "scout", "maverick", "behemoth", "remote", "scripted"]


class ScriptedSettings(BaseModel):
    """The scripted engine's pace; for tests and for benchmarks that are not about the model."""

    model_config = ConfigDict(extra="forbid")

    tokens_per_second: float = Field(default=200.0, gt=0)
    first_token_seconds: float = Field(default=0.0, ge=0)
    # How many words an answer has at most, when nothing else ends it.
    answer_tokens: int = Field(default=48, ge=1)
    # Generation breaks with EngineUnavailable after so many tokens.
    fail_after_tokens: int | None = Field(default=None, ge=0)


class EngineSettings(BaseModel):
    """Which model answers, and how it is reached.

    `model` is a path or a name; None takes the profile's own. `base_url` (ends in `/v1`) and
    `api_key` belong to the profile `remote`.
    """

    model_config = ConfigDict(extra="forbid")

    profile: ProfileName = "demo"
    model: str | None = None
    base_url: str | None = None
    api_key: SecretStr | None = None
    # What a remote model reads at most, where its endpoint does not say.
    max_model_len: int | None = Field(default=None, ge=256)
    # How long a remote endpoint may stay silent, also before its first token.
    read_timeout_seconds: float = Field(default=120.0, gt=0)
    # Streams that are decoded together; None takes the profile's own.
    max_num_seqs: int | None = Field(default=None, ge=1)
    # vLLM's own log lines at INFO instead of WARNING.
    debug: bool = False
    scripted: ScriptedSettings = Field(default_factory=ScriptedSettings)
