"""What a worker process says of its start reaches the program's progress."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from inference.vllm_engine.start_reports import REPORT_TO, reports

WORKER = """
from inference.vllm_engine.start_reports import LOADING_WEIGHTS, report
report(LOADING_WEIGHTS)
report("anything else")
"""


@pytest.fixture
def said() -> list[tuple[str, float | None]]:
    return []


async def started(environment: dict[str, str]) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", WORKER],
        env={"PYTHONPATH": str(Path(__file__).parents[4]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


async def test_a_process_is_heard_and_only_what_is_known(said) -> None:
    async with reports(lambda line, share: said.append((line, share))) as environment:
        await started(environment)
        async with asyncio.timeout(10):
            while not said:
                await asyncio.sleep(0.01)
    assert said == [("loading the weights", None)]
    assert not Path(environment[REPORT_TO]).parent.exists(), "nothing stays behind"


async def test_where_nobody_listens_a_worker_goes_on_without(tmp_path: Path) -> None:
    await started({})
    await started({REPORT_TO: str(tmp_path / "gone")})


async def test_a_folder_with_too_long_a_path_costs_only_the_reports(
    said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("long" * 30)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    async with reports(lambda line, share: said.append((line, share))) as environment:
        await started(environment)
    assert said == []
    assert not list(deep.iterdir())
