"""A copy of the data directory is a whole backup: elsewhere it starts with all that was said."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.program import Program, stream

Make = Callable[..., Program]
NOT_NEEDED = ("models", "valkey", "logs")  # as docs/operations.md says


async def test_what_was_said_is_there_where_a_copy_of_the_data_directory_starts(
    outrider: Make, tmp_path: Path
) -> None:
    first = outrider(tmp_path / "data")
    first.start()
    await first.until_ready()
    assert "herons" in "".join([piece async for piece in stream(first, "about herons")])
    key = first.key
    first.signal(signal.SIGINT)
    assert await first.ended() == 0

    shutil.copytree(
        tmp_path / "data", tmp_path / "backup", ignore=shutil.ignore_patterns(*NOT_NEEDED)
    )
    shutil.rmtree(tmp_path / "data")
    second = outrider(tmp_path / "backup")
    second.start()
    await second.until_ready()
    assert second.key == key, "programs go on with the key that they have"
    listed = outrider(tmp_path / "backup", command=("turns", "--state", "all", "--json"))
    listed.start()
    assert await listed.ended(60) == 0
    assert [json.loads(line)["state"] for line in listed.output.splitlines()] == ["done"]
    assert "here?" in "".join([piece async for piece in stream(second, "still here?")])
