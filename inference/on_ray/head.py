"""Ray's servers on this machine, for one owner: `python -m inference.on_ray.head FOLDER CPUS`.

Says the cluster's address in a line. Standard input is a pipe of the owner's: when it closes, since
the owner wants an end or was killed, all that Ray started is killed and the folder goes. Ray's own
means don't suffice for that: its agents outlive a killed raylet for minutes. Whatever loses its
parent below here becomes a child of this process, so nothing gets away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
import time

from inference.processes import end_processes, with_descendants

OBJECT_STORE_BYTES = 128 * 2**20  # deltas are small, and go another way
END_SECONDS = 10.0
_PR_SET_CHILD_SUBREAPER = 36


def main(folder: str, cpus: int) -> None:
    import ray

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        context = ray.init(
            "local",
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            configure_logging=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=f"{folder}/r",  # which Ray opens to everybody; the folder above is private
        )
        sys.stdout.write(f"{context.address_info['gcs_address']}\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    except Exception as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
    finally:
        end_all_below()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)  # Ray would say goodbye to servers that are gone


def end_all_below() -> None:
    """Kill until nothing is left: who is being started may come late."""
    until = time.monotonic() + END_SECONDS
    me = os.getpid()
    while time.monotonic() < until:
        running = {one for one in with_descendants([me]) if one.pid != me and one.is_running()}
        if not running:
            break
        end_processes(running)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
