import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.errors import StartupError
from assistant.storage.embedded.lock import DataDirLock
from assistant.storage.embedded.sockets import SOCKET_PATH_BYTES, removing, socket_folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The folder that belongs to `tmp_path`, removed by the test's end."""
    place = socket_folder(tmp_path, "s")
    place.rmdir()
    yield place
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        place.rmdir()


def test_it_is_private_short_and_always_the_same(tmp_path: Path, folder: Path) -> None:
    assert socket_folder(tmp_path, "s") == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(os.fsencode(folder)) < SOCKET_PATH_BYTES - 40


def test_each_server_has_its_own(tmp_path: Path, folder: Path) -> None:
    other = socket_folder(tmp_path / "other", "s")
    other.rmdir()
    assert other != folder


def test_left_overs_and_an_open_mode_are_mended(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "stale").write_text("")
    socket_folder(tmp_path, "s")
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_that_somebody_laid_there_is_not_followed(tmp_path: Path, folder: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "precious").write_text("")
    folder.symlink_to(target)
    with pytest.raises(StartupError, match="is not this user's"):
        socket_folder(tmp_path, "s")
    assert (target / "precious").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_is_not_used(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(StartupError, match="is not this user's"):
        socket_folder(tmp_path, "s")


def test_a_name_that_does_not_fit_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(StartupError, match="too long for a socket"):
        socket_folder(tmp_path, "s" * SOCKET_PATH_BYTES)


async def test_it_is_removed_afterwards_with_what_is_in_it(tmp_path: Path, folder: Path) -> None:
    async with removing(folder, DataDirLock(tmp_path)):
        socket_folder(tmp_path, "s")
        (folder / "s").write_text("")
    assert not folder.exists()


async def test_it_stays_when_the_next_server_has_it(tmp_path: Path, folder: Path) -> None:
    with DataDirLock(tmp_path):
        async with removing(folder, DataDirLock(tmp_path, patience_seconds=0)):
            socket_folder(tmp_path, "s")
    assert folder.exists()
