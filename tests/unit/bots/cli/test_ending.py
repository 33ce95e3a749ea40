"""The last resort of an ending counts the time in which the process could have ended."""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.support.program import ROOT

ENDS_IN_ONE_SECOND_OF_THREE = """
import os, threading, time
from bots.cli.main import end_after
threading.Thread(target=end_after, args=(3.0,), daemon=True).start()
print("begun", flush=True)
for _ in range(10):
    time.sleep(0.1)
os._exit(0)
"""


async def test_a_machine_that_stands_still_cuts_no_ending_short() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENDS_IN_ONE_SECOND_OF_THREE),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(3.5)
    process.send_signal(signal.SIGCONT)
    assert await process.wait() == 0
