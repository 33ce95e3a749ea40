import base64
import csv
import hashlib
import zipfile
from pathlib import Path

from deploy.stubs import omitted, write_stubs

CONSTRAINTS = "# three are left out\ntorch==2.13.0+cpu\nfirst==1.2+omitted\nsecond==3.4.5+omitted\n"


def test_only_what_is_marked_is_left_out() -> None:
    assert omitted(CONSTRAINTS) == [("first", "1.2+omitted"), ("second", "3.4.5+omitted")]


def test_a_stub_is_a_wheel_with_metadata_and_nothing_else(tmp_path: Path) -> None:
    wheels = write_stubs(tmp_path, CONSTRAINTS)
    assert [wheel.name for wheel in wheels] == [
        "first-1.2+omitted-py3-none-any.whl",
        "second-3.4.5+omitted-py3-none-any.whl",
    ]
    with zipfile.ZipFile(wheels[0]) as wheel:
        info = "first-1.2+omitted.dist-info"
        assert set(wheel.namelist()) == {f"{info}/{n}" for n in ("METADATA", "WHEEL", "RECORD")}
        assert b"Name: first\nVersion: 1.2+omitted\n" in wheel.read(f"{info}/METADATA")


def test_the_record_has_the_files_true_digests(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_stubs(tmp_path, CONSTRAINTS)[0]) as wheel:
        record = next(name for name in wheel.namelist() if name.endswith("RECORD"))
        rows = list(csv.reader(wheel.read(record).decode().splitlines()))
        assert {row[0] for row in rows} == set(wheel.namelist())
        for name, digest, size in rows:
            if name != record:
                content = wheel.read(name)
                raw = base64.urlsafe_b64decode(digest.removeprefix("sha256=") + "=")
                assert (raw, int(size)) == (hashlib.sha256(content).digest(), len(content))


def test_stubs_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    first = [wheel.read_bytes() for wheel in write_stubs(tmp_path / "a", CONSTRAINTS)]
    assert first == [wheel.read_bytes() for wheel in write_stubs(tmp_path / "b", CONSTRAINTS)]
