"""The vLLM that our plugin and kernels fit. This module imports neither."""

from __future__ import annotations

from inference.errors import EngineError

SUPPORTED_VLLM = "0.32."


class UnsupportedVllm(EngineError):
    code = "unsupported_vllm"


def check_version(version: str) -> None:
    """Raises UnsupportedVllm: what we replace in vLLM moves from release to release."""
    if not version.startswith(SUPPORTED_VLLM):
        raise UnsupportedVllm(
            f"Outrider's kernels fit vLLM {SUPPORTED_VLLM}x and vLLM {version} is installed: "
            "install the version that Outrider's extras pin."
        )
