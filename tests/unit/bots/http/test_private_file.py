import stat
import threading

import pytest

from assistant.errors import StartupError
from bots.http.private_file import load_or_create, load_or_create_secret


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "new" / "secret"
    first = load_or_create_secret(path)
    assert len(first) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create_secret(path) == first
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_those_that_start_at_once_agree(tmp_path):
    path, meet, found = tmp_path / "secret", threading.Barrier(8), []

    def start(number: int) -> None:
        def make() -> str:
            meet.wait()  # all have seen that there is none
            return f"secret {number}"

        found.append(load_or_create(path, make))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {path.read_text().strip()}


def test_an_empty_or_damaged_file_is_told(tmp_path):
    path = tmp_path / "secret"
    path.write_text("")
    with pytest.raises(StartupError, match="empty"):
        load_or_create_secret(path)
    path.write_text("not hex")
    with pytest.raises(StartupError, match="damaged"):
        load_or_create_secret(path)


def test_a_place_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="can't be used"):
        load_or_create_secret(tmp_path / "file" / "secret")
