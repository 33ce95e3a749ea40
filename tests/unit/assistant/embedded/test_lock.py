import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import StartupError
from assistant.storage.embedded.lock import DataDirLock


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    with (
        DataDirLock(tmp_path),
        pytest.raises(StartupError, match=rf"in use by another Outrider \(process {os.getpid()}\)"),
        DataDirLock(tmp_path, patience_seconds=0),
    ):
        pass
    with DataDirLock(tmp_path, patience_seconds=0):
        pass


def test_another_program_that_is_alive_is_refused_without_waiting(tmp_path: Path) -> None:
    with holder(tmp_path, "import time; time.sleep(600)") as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StartupError, match=rf"\(process {process.pid}\)"):
            DataDirLock(tmp_path, patience_seconds=1e9).acquire()
        process.kill()


async def test_what_a_dead_holder_started_is_waited_for(tmp_path: Path) -> None:
    # The child inherits the lock, outlives its parent, and ends when its input does.
    child = "import subprocess; subprocess.Popen(['cat'], stdout=2, pass_fds=[lock.fileno()])"
    with holder(tmp_path, child) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.wait()
        with pytest.raises(StartupError, match="in use"):
            DataDirLock(tmp_path, patience_seconds=0.2).acquire()
        assert process.stdin is not None
        process.stdin.close()
        lock = DataDirLock(tmp_path)
        await lock.acquire_without_blocking()
        lock.release()


def test_a_file_that_was_left_behind_means_nothing(tmp_path: Path) -> None:
    (tmp_path / "outrider.lock").write_text("1\n")
    with DataDirLock(tmp_path, patience_seconds=0):
        assert (tmp_path / "outrider.lock").read_text() == f"{os.getpid()}\n"


def test_two_names_are_two_locks(tmp_path: Path) -> None:
    with DataDirLock(tmp_path, "a.lock"), DataDirLock(tmp_path, "b.lock", patience_seconds=0):
        pass


def test_the_directory_is_made_for_its_user_alone(tmp_path: Path) -> None:
    with DataDirLock(tmp_path / "new" / "deep"):
        assert (tmp_path / "new" / "deep").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_its_place_is_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=rf"{place} can't be written .*OUTRIDER_DATA_DIR"):
        DataDirLock(tmp_path / place).acquire()


def test_a_directory_that_nobody_can_write_is_a_sentence() -> None:
    with pytest.raises(StartupError, match="/proc/outrider can't be written"):
        DataDirLock(Path("/proc/outrider")).acquire()


def holder(data_dir: Path, then: str) -> subprocess.Popen[str]:
    """A program that takes the lock, says so, and runs `then`."""
    code = (
        "import sys; from pathlib import Path\n"
        "from assistant.storage.embedded.lock import DataDirLock\n"
        "lock = DataDirLock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True)\n"
    )
    root = Path(__file__).parents[4]
    return subprocess.Popen(
        [sys.executable, "-c", code + then, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
