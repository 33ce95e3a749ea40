"""vLLM's worker of this platform, which also says what it begins, and what it has. Loaded by vLLM,
by its name."""

from __future__ import annotations

from typing import Any

from vllm.platforms import current_platform
from vllm.utils.import_utils import resolve_obj_by_qualname

from inference.moe.report import ExpertsReport
from inference.vllm_engine.start_reports import (
    ALLOCATING_CACHE,
    CAPTURING,
    LOADING_WEIGHTS,
    MEASURING_MEMORY,
    report,
)
from inference.vllm_engine.worker_report import WorkerReport

_PLATFORMS_OWN: Any = resolve_obj_by_qualname(
    "vllm.v1.worker.cpu_worker.CPUWorker"
    if current_platform.is_cpu()
    else "vllm.v1.worker.gpu_worker.Worker"
)


class ReportingWorker(WorkerReport, ExpertsReport, _PLATFORMS_OWN):  # type: ignore[misc]
    """Every method does what the platform's own does."""

    def load_model(self, **options: Any) -> Any:
        report(LOADING_WEIGHTS)
        return super().load_model(**options)

    def determine_available_memory(self) -> Any:
        report(MEASURING_MEMORY)
        return super().determine_available_memory()

    def initialize_from_config(self, kv_cache_config: Any) -> Any:
        report(ALLOCATING_CACHE)
        return super().initialize_from_config(kv_cache_config)

    def compile_or_warm_up_model(self) -> Any:
        report(CAPTURING)
        done = super().compile_or_warm_up_model()
        self.warm_up_experts(self.scheduler_config.max_num_batched_tokens)
        self.forget_expert_calls()
        return done
