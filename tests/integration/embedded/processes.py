"""What /proc says about server processes, and owners to kill."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

OWNER = Path(__file__).with_name("owner.py")
ROOT = OWNER.parents[3]


def working_in(data_dir: Path) -> set[int]:
    """The processes whose working directory is `data_dir` or below: all of its servers' are."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                directory = (entry / "cwd").readlink()
            except OSError:
                continue
            if directory.is_relative_to(data_dir):
                found.add(int(entry.name))
    return found


def all_gone(data_dir: Path, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while working_in(data_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def tcp_sockets(pid: int) -> set[str]:
    """The inodes of the TCP and UDP sockets that a process holds: none once it has ended."""
    process = Path("/proc") / str(pid)
    held = set()
    try:
        for descriptor in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed in the meantime
                held.add(str(descriptor.readlink()))
    except FileNotFoundError:
        return set()
    inodes = {link[len("socket:[") : -1] for link in held if link.startswith("socket:[")}
    listed = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = Path("/proc/net", table).read_text().splitlines()[1:]
        listed |= {row.split()[9] for row in rows}
    return inodes & listed


@contextmanager
def owner(
    data_dir: Path, *arguments: str, prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen]:
    """The program of owner.py, once it has said its first line (`first_line` has it)."""
    with subprocess.Popen(
        [*prefix, sys.executable, str(OWNER), str(data_dir), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen) -> list[str]:
    """`["ready", postgres url, valkey url]` or `["refused", sentence]`."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()
        if line.startswith("refused "):
            return line.strip().split(" ", 1)
    raise AssertionError(f"the owner ended with {process.wait()}")
