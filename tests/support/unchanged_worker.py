"""A fault to plant: a worker of vLLM's in which our plugin did nothing."""

from __future__ import annotations

from typing import Any

from vllm.model_executor.custom_op import op_registry_oot

from inference.vllm_engine.worker import ReportingWorker


class UnchangedWorker(ReportingWorker):  # type: ignore[misc]
    def load_model(self, **options: Any) -> Any:
        del op_registry_oot["RoutedExperts"]
        return super().load_model(**options)
