"""The engine's settings (`OUTRIDER_ENGINE__…`). This module imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

MoePath = Literal["custom", "triton", "stock", "naive"]


def _sendable(value: SecretStr | None) -> SecretStr | None:
    """A blank one is none. What no header can carry would be shown by the error of a library."""
    text = "" if value is None else value.get_secret_value().strip()
    if not all(" " <= char <= "~" for char in text):
        raise ValueError("holds an invisible character or one outside of ASCII: copy it once more")
    return SecretStr(text) if text else None


_Sent = Annotated[SecretStr | None, AfterValidator(_sendable)]


class ScriptedSettings(BaseModel):
    """The scripted engine's pace; for tests and for benchmarks that are not about the model."""

    model_config = ConfigDict(extra="forbid")

    tokens_per_second: float = Field(
        default=200.0, gt=0, description="How fast scripted answers come."
    )
    first_token_seconds: float = Field(
        default=0.0, ge=0, description="How long a scripted answer waits before its first word."
    )
    answer_tokens: int = Field(
        default=48,
        ge=1,
        description="How many words a scripted answer has, where nothing else ends it.",
    )
    vision: bool = Field(
        default=False, description="Whether the scripted engine takes images, which it counts."
    )
    embeddings: bool = Field(
        default=False, description="Whether the scripted engine makes embeddings of texts."
    )
    fail_after_tokens: int | None = Field(
        default=None, ge=0, description="After so many words the scripted engine breaks off."
    )


class EngineSettings(BaseModel):
    """Which model answers, and how it is reached."""

    model_config = ConfigDict(extra="forbid")

    profile: str = Field(
        default="demo",
        description="`demo` (small, any CPU), `demo-int4` (its model in four bits), "
        "`demo-embeddings` (its model as one of embeddings), "
        "`scout` or `scout-long` (one H100), `maverick` (eight H100), `maverick-hosts` (two hosts "
        "with eight H100 each, on Ray), `remote` (an OpenAI-compatible endpoint), `scripted` (no "
        "model, for tests), or one of your own: [profiles](profiles.md).",
    )
    model: str | None = Field(
        default=None,
        description="A folder, or a name on the model hub or at the endpoint; without it the "
        "profile's own.",
    )
    base_url: str | None = Field(
        default=None, description="The endpoint of `remote`; it ends in `/v1`."
    )
    api_key: _Sent = Field(
        default=None, description="The key that the endpoint of `remote` asks for."
    )
    hub_token: _Sent = Field(
        default=None,
        description="Your own token of the model hub, for weights that it gives out on request; "
        "without it `HF_TOKEN`.",
    )
    max_model_len: int | None = Field(
        default=None,
        ge=256,
        description="The longest prompt and answer together, in tokens; without it the profile's "
        "own, and for `remote` what its endpoint says.",
    )
    read_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="How long a remote endpoint may stay silent, also before its first token.",
    )
    vision: bool | None = Field(
        default=None,
        description="Whether images that people send are shown to the model; without it `scout` "
        "and `maverick` see them, and the model of `remote` does not.",
    )
    embeddings_model: str | None = Field(
        default=None,
        description="The model of `remote` that makes embeddings; without it there are none.",
    )
    max_num_seqs: int | None = Field(
        default=None,
        ge=1,
        description="How many answers are decoded together; without it the profile's own number.",
    )
    moe: MoePath = Field(
        default="custom",
        description="Who computes a mixture of experts in vLLM: `custom` (our kernels on a GPU, "
        "the same in torch on a CPU), `naive` (plain torch, slow, on any device), `triton` "
        "(vLLM's Triton kernels, on a GPU) or `stock` (vLLM as it is, whose default for W4A16 on "
        "Hopper weights Llama 4's experts twice): [kernels](kernels.md).",
    )
    stuck_after_seconds: float = Field(
        default=60.0,
        ge=0,
        description="An engine that makes no step for so long while answers wait is built anew; "
        "0 never does that.",
    )
    sleep_after_seconds: float = Field(
        default=0.0,
        ge=0,
        description="An engine that nobody asks for so long gives its memory back until the next "
        "message; 0 never does that.",
    )
    ray_address: str | None = Field(
        default=None,
        pattern=r"^(auto|[^/\s]+:\d+)$",
        description="The Ray cluster that this host belongs to, as `host:6379` or `auto`: for a "
        "profile that needs several hosts, and for `ray_serve`, which without it starts a Ray of "
        "its own here.",
    )
    ray_serve: bool = Field(
        default=False,
        description="Whether the profile's replicas run as a Ray Serve application; needs the "
        "extra `ray`.",
    )
    replicas: int = Field(
        default=2, ge=1, description="How many replicas `ray_serve` starts, each with the model."
    )
    debug: bool = Field(default=False, description="Show vLLM's own log lines.")
    scripted: ScriptedSettings = Field(default_factory=ScriptedSettings)
