import os
from pathlib import Path

import pytest

from assistant.errors import StartupError
from assistant.storage.embedded.binaries import postgres_binaries, valkey_binary
from assistant.storage.embedded.cluster import Cluster, check


def cluster(data_dir: Path, major: str) -> Cluster:
    made = Cluster(data_dir)
    made.data.mkdir(parents=True)
    (made.data / "PG_VERSION").write_text(major + "\n")
    return made


def test_the_same_major_is_taken(tmp_path: Path) -> None:
    check(cluster(tmp_path, "18"), 18)


def test_a_newer_major_asks_for_a_newer_outrider(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"PostgreSQL 19, .* newer than the 18 .*update"):
        check(cluster(tmp_path, "19"), 18)


def test_an_older_major_says_how_to_carry_it_over(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"PostgreSQL 17, .* brings 18.*pg_dump"):
        check(cluster(tmp_path, "17"), 18)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_database_is_refused(tmp_path: Path) -> None:
    made = cluster(tmp_path, "18")
    os.chown(made.data, 65534, 65534)
    with pytest.raises(StartupError, match=r"belongs to user 65534, and this is user 0"):
        check(made, 18)


def test_the_wheels_have_the_servers() -> None:
    binaries = postgres_binaries()
    assert binaries.major >= 18
    for program in (binaries.initdb, binaries.postgres, valkey_binary()):
        assert os.access(program, os.X_OK)
