import os
import subprocess
import sys

from inference.processes import EngineProcess, end_processes, with_descendants


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_processes_are_killed_and_gone_when_the_call_returns():
    child = sleeper()
    found = with_descendants([child.pid])
    assert {each.pid for each in found} == {child.pid}
    end_processes(found)
    assert not any(each.is_running() for each in found)
    child.wait()


def test_a_process_that_got_a_used_id_is_left_alone():
    child = sleeper()
    (found,) = with_descendants([child.pid])
    end_processes([EngineProcess(found.pid, found.started - 1)])
    assert found.is_running()
    child.kill()
    child.wait()


def test_the_tree_below_a_process_is_found():
    program = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('up', flush=True)\n"
        "time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    found = with_descendants([child.pid])
    assert len(found) == 2
    assert os.getpid() not in {each.pid for each in found}
    end_processes(found)
    child.wait()
