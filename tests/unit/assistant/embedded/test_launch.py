import os
import subprocess
import sys

from assistant.storage.embedded import launch


def run(owner: int, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, str(owner), "9", *command],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_becomes_the_program() -> None:
    done = run(os.getpid(), "/bin/sh", "-c", "echo became; exit 3")
    assert (done.stdout, done.returncode) == ("became\n", 3)


def test_it_does_not_start_a_program_whose_owner_is_gone_already() -> None:
    done = run(os.getppid(), "/bin/sh", "-c", "echo became")
    assert (done.stdout, done.returncode) == ("", launch.OWNER_GONE)


# Numbers 32 and 33 are the C library's own; no program can ask for their defaults.
_LIBRARY_SIGNALS = 1 << 31 | 1 << 32


def test_the_program_gets_the_default_signals() -> None:
    done = run(os.getpid(), "/bin/grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status")
    masks = [int(line.split()[1], 16) for line in done.stdout.splitlines()]
    assert [mask & ~_LIBRARY_SIGNALS for mask in masks] == [0, 0]
