"""The end of a Ray of our own, without one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.on_ray import cluster as ray_cluster
from inference.on_ray.cluster import Head, RayCluster


@pytest.mark.parametrize("leave_seconds", [0.05, 5.0])
async def test_a_ray_that_is_still_being_started_is_ended_too(
    monkeypatch: pytest.MonkeyPatch, leave_seconds: float
) -> None:
    ended: list[bool] = []

    def started(cpus: int) -> SimpleNamespace:
        time.sleep(0.3)
        return SimpleNamespace(address="here", variables={}, end=lambda: ended.append(True))

    monkeypatch.setattr(Head, "started", started)
    monkeypatch.setattr(ray_cluster, "join", lambda *given: None)
    monkeypatch.setattr(ray_cluster, "_leave", lambda: None)
    monkeypatch.setattr(ray_cluster, "LEAVE_SECONDS", leave_seconds)
    cluster = RayCluster(None)
    opening = asyncio.create_task(cluster.open())
    await asyncio.sleep(0.05)
    opening.cancel()
    await cluster.close()
    assert ended == [True]
    with pytest.raises(asyncio.CancelledError):
        await opening


def test_rays_processes_find_our_package_and_none_of_its_modules_by_themselves() -> None:
    """`inference/statistics.py` would stand for Python's own."""
    folder = Path(ray_cluster.OURS)
    assert (folder / "inference" / "statistics.py").exists()
    assert not (folder / "statistics.py").exists()
