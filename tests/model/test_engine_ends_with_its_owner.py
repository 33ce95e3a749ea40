"""A program that is killed with -9 leaves no engine process behind, whatever it was doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.processes import with_descendants

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

OWNER = """
import asyncio, sys
from pathlib import Path
from inference.settings import EngineSettings
from inference.start import build_engine

async def main():
    engine = build_engine(EngineSettings(), Path(sys.argv[1]))
    await engine.start(lambda line, share: print(line, flush=True))
    await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_no_engine_process_outlives_a_killed_owner(demo_data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = subprocess.Popen(
        [sys.executable, str(script), str(demo_data_dir)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert owner.stdout is not None
        assert any(line == b"ready\n" for line in owner.stdout)
        below = {each for each in with_descendants([owner.pid]) if each.pid != owner.pid}
        assert len(below) >= 2  # the core and its worker
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 15
    while any(each.is_running() for each in below) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [each for each in below if each.is_running()]
