"""The entry point `vllm.general_plugins`, which vLLM calls in each of its processes.

It does nothing unless this program asked for it: in an environment where vLLM merely happens to
be installed beside Outrider, vLLM stays as it is.
"""

from __future__ import annotations

import os

from inference.orphans import end_with_parent
from inference.vllm_version import check_version

ENABLED_BY = "OUTRIDER_VLLM_PLUGIN"


def register() -> None:
    """Tie this process to its parent and put our method into the MoE layer. Re-entrant.

    Raises UnsupportedVllm: what we replace moves from release to release, so any other version
    is refused rather than run with the wrong arithmetic.
    """
    if os.environ.get(ENABLED_BY) != "1":
        return
    from vllm import __version__

    check_version(__version__)
    end_with_parent()
    _install_override()


def _install_override() -> None:
    from vllm.model_executor.custom_op import op_registry_oot
    from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

    if RoutedExperts.__name__ in op_registry_oot:
        return
    from inference.linear_override import prefer_our_kernel
    from inference.moe_override import OutriderRoutedExperts

    RoutedExperts.register_oot(OutriderRoutedExperts)
    prefer_our_kernel()
