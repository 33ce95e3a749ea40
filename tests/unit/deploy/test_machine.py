from pathlib import Path

import pytest

from deploy.machine import cpu_lack, disk_lack, first_lack, python_lack


@pytest.mark.parametrize("version", [(3, 11), (3, 14)])
def test_a_python_that_the_wheels_are_made_for_will_do(version: tuple[int, int]) -> None:
    assert python_lack(version) == ""


@pytest.mark.parametrize("version", [(3, 8), (3, 10), (3, 15)])
def test_another_python_is_refused_by_its_number(version: tuple[int, int]) -> None:
    assert f"this is {version[0]}.{version[1]}:" in python_lack(version)


def test_a_cpu_needs_avx2() -> None:
    assert cpu_lack("x86_64", "processor : 0\nflags\t\t: fpu avx avx2 bmi1\n") == ""
    assert "AVX2" in cpu_lack("x86_64", "processor : 0\nflags\t\t: fpu avx bmi1\n")


def test_another_architecture_has_other_names_for_it() -> None:
    assert cpu_lack("aarch64", "Features : fp asimd\n") == ""


def test_a_full_disk_is_told_with_the_numbers() -> None:
    assert disk_lack(8_000_000_000, Path("/x")) == ""
    assert disk_lack(2_500_000_000, Path("/x")) == (
        "The installation needs 8 GB of disk, and /x has 2.5 GB free."
    )


def test_the_machine_that_runs_this_lacks_nothing(tmp_path: Path) -> None:
    assert first_lack(tmp_path, model=False) == ""
