"""The entry point `vllm.general_plugins`, which vLLM calls in each of its processes.

It does nothing unless this program asked for it: in an environment where vLLM merely happens to
be installed beside Outrider, vLLM stays as it is.
"""

from __future__ import annotations

import os
from typing import cast, get_args

from inference.settings import MoePath
from inference.vllm_engine.orphans import end_with_parent
from inference.vllm_engine.version import check_version

# In the environment of vLLM's processes; `vllm_launch.environment` sets them.
ENABLED_BY = "OUTRIDER_VLLM_PLUGIN"
MOE = "OUTRIDER_VLLM_MOE"  # the setting `moe`
KERNEL_TABLES = "OUTRIDER_VLLM_KERNEL_TABLES"  # the folder of tuned tables


def register() -> None:
    """Tie this process to its parent and put our layer in place of vLLM's experts. Re-entrant.

    Raises UnsupportedVllm: what we replace moves from release to release, so any other version
    is refused rather than run with the wrong arithmetic.
    """
    if os.environ.get(ENABLED_BY) != "1":
        return
    from vllm import __version__

    check_version(__version__)
    end_with_parent()
    _install_override()


def asked_path() -> MoePath:
    """Who shall compute the routed experts in this process."""
    asked = os.environ.get(MOE, "custom")
    if asked not in get_args(MoePath):
        raise ValueError(f"{MOE}={asked} is none of {', '.join(get_args(MoePath))}.")
    return cast("MoePath", asked)


def _install_override() -> None:
    from vllm.model_executor.custom_op import op_registry_oot
    from vllm.model_executor.layers.fused_moe.routed_experts import RoutedExperts

    from inference.vllm_engine.linear_override import prefer_our_kernel

    prefer_our_kernel()
    if asked_path() == "stock" or RoutedExperts.__name__ in op_registry_oot:
        return
    from inference.moe.layer import OutriderRoutedExperts

    RoutedExperts.register_oot(OutriderRoutedExperts)
