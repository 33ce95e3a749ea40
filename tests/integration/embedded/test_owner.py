"""What becomes of the servers when their owner is another program, and it is killed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from tests.integration.embedded.processes import all_gone, first_line, owner, working_in


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_kill_9_ends_the_servers_and_the_next_start_has_the_data(tmp_path: Path, loop: str) -> None:
    with owner(tmp_path, loop) as process:
        _, database, signals = first_line(process)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        assert redis.Redis.from_url(signals).ping()
        assert len(working_in(tmp_path)) > 2
        process.kill()
    assert all_gone(tmp_path)
    log = (tmp_path / "logs/postgresql.log").read_text()
    assert "database system is shut down" in log  # clean, although the owner was killed
    with owner(tmp_path, loop) as process:
        _, database, _ = first_line(process)
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
    assert all_gone(tmp_path)


def test_the_next_start_waits_for_servers_that_are_still_stopping(tmp_path: Path) -> None:
    for _ in range(3):
        with owner(tmp_path) as process:
            assert first_line(process)[0] == "ready"
            process.kill()  # and at once again, without waiting for the servers
    assert all_gone(tmp_path)


def test_kill_9_of_everything_needs_no_hand_work(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        _, database, _ = first_line(process)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        for pid in working_in(tmp_path) | {process.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # PostgreSQL's own children went with it
    assert all_gone(tmp_path)
    with owner(tmp_path) as process:
        _, database, _ = first_line(process)
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(7,)]
    assert all_gone(tmp_path)


def test_a_second_program_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with owner(tmp_path) as first:
        _, database, _ = first_line(first)
        with owner(tmp_path) as second:
            word, sentence = first_line(second)
        assert word == "refused"
        assert f"in use by another Outrider (process {first.pid})" in sentence
        psycopg.connect(database).close()


def test_ctrl_c_lets_the_owner_stop_them_in_order(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        assert first_line(process)[0] == "ready"
        group = os.getpgid(process.pid)
        assert all(os.getpgid(pid) != group for pid in working_in(tmp_path) - {process.pid})
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert not working_in(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_needs_no_namespace(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    data_dir = Path("/var/tmp") / f"outrider-test-{os.getpid()}"
    data_dir.mkdir(mode=0o700)
    try:
        os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)
        prefix = ["setpriv", f"--reuid={nobody.pw_uid}", "--clear-groups", "--no-new-privs"]
        probe = f"import sys, psycopg, redis; assert sys.version == {sys.version!r}"
        if subprocess.run([*prefix, sys.executable, "-c", probe], check=False).returncode != 0:
            pytest.skip("this Python is not an ordinary user's to run")
        with owner(data_dir, prefix=prefix) as process:
            assert first_line(process)[0] == "ready"
            uids = {Path(f"/proc/{pid}").stat().st_uid for pid in working_in(data_dir)}
            assert uids == {nobody.pw_uid}
            process.kill()
        assert all_gone(data_dir)
    finally:
        shutil.rmtree(data_dir)


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs for anybody but root")
def test_root_without_user_namespaces_is_told_what_to_do(tmp_path: Path) -> None:
    barred = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    prefix = ["unshare", "--user", "--map-root-user", "sh", "-c", barred, "sh"]
    if subprocess.run([*prefix, "true"], check=False).returncode != 0:
        pytest.skip("this system does not let a test bar user namespaces")
    with owner(tmp_path, prefix=prefix) as process:
        word, sentence = first_line(process)
    assert word == "refused"
    assert "does not run as root" in sentence
    assert "OUTRIDER_DATABASE_URL" in sentence
