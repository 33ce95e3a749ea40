"""A child of multiprocessing ends when its parent is killed, however it was killed."""

import os
import signal
import subprocess
import sys
import time

from inference.processes import with_descendants

OWNER = """
import multiprocessing, sys, threading, time

def child():
    from inference.vllm_engine.orphans import end_with_parent
    end_with_parent()
    end_with_parent()  # again, as vLLM may call a plugin twice
    print("watching", flush=True)
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=child)
    starter = threading.Thread(target=process.start)  # a thread that ends, like the builder's
    starter.start()
    starter.join()
    time.sleep(60)
"""


def test_a_child_ends_with_a_killed_parent_but_not_with_the_thread_that_started_it(tmp_path):
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
    )
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"watching\n"
        below = {each for each in with_descendants([owner.pid]) if each.pid != owner.pid}
        assert below
        assert all(each.is_running() for each in below)
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 10
    while any(each.is_running() for each in below) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [each for each in below if each.is_running()]
