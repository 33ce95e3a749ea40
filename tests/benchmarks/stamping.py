"""A worker whose engine says the time: each token is the moment at which it was produced.

    python -m tests.benchmarks.stamping

It is `outrider worker`, settings and all, with this engine in the scripted one's place. Whoever
reads an answer, wherever, knows from the text alone how old each of its tokens is.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bots import app
from bots.settings import load_settings
from bots.stop import Stop
from inference.api import Delta, GenerationRequest
from inference.scripted import ScriptedEngine
from inference.settings import EngineSettings, ScriptedSettings
from tests.support.program import Program

END_SECONDS = 20.0


class StampingEngine(ScriptedEngine):
    """Tokens are microseconds of Unix time, at the scripted engine's pace."""

    def __init__(self, settings: ScriptedSettings) -> None:
        super().__init__(settings)
        self._pace = settings

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Delta]:
        begun = asyncio.get_running_loop().time()
        for number in range(self._pace.answer_tokens):
            if number:
                await self._wait_until(begun + number / self._pace.tokens_per_second)
            yield Delta(f"{time.time_ns() // 1000} ", (number,))
        yield Delta("", (), "stop", 0, self._pace.answer_tokens)


def stamps(text: str) -> Sequence[int]:
    """The moments in a piece of an answer that ends with a whole token."""
    return [int(token) for token in text.split()]


@asynccontextmanager
async def stamping_worker(program: Program) -> AsyncIterator[int]:
    """Started with the program's settings for the block; yields its process id."""
    log = program.data_dir.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.stamping"),
            cwd=program.folder,
            env=program.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process.pid
        if process.returncode is not None:
            raise RuntimeError(f"the worker ended:\n{log.read_text(errors='replace')[-4000:]}")
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _build(chosen: EngineSettings, _: Path) -> StampingEngine:
    return StampingEngine(chosen.scripted)


async def main() -> None:
    settings = load_settings()
    stop = Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask)
    # The composition root chooses engines by name, and this one has none.
    app.build_engine = _build  # type: ignore[attr-defined, assignment]
    await app.run(settings, "worker", stop, lambda line: None)


if __name__ == "__main__":
    asyncio.run(main())
