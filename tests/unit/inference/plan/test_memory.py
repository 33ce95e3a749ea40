from __future__ import annotations

from pathlib import Path

import pytest

from inference.plan.memory import found_gpus, main_memory, memory_for, parsed_gpus, visible

MIB = 1 << 20
SAID = """NVIDIA H100 80GB HBM3, 81559, 80458, 551
NVIDIA H100 80GB HBM3, 81559, 12, 551
"""


def machine(folder: Path, *, total: int, free: int, **groups: str) -> tuple[Path, Path]:
    proc, cgroup = folder / "proc", folder / "cgroup"
    for made in (proc, cgroup):
        made.mkdir()
    stated = f"MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable: {free} kB\nHugePages_Total: 0\n"
    (proc / "meminfo").write_text(stated)
    for name, content in groups.items():
        (cgroup / f"memory.{name}").write_text(content)
    return proc, cgroup


def test_what_the_driver_keeps_is_no_programs():
    first, second = parsed_gpus(SAID)
    assert first.card.memory_bytes == (81559 - 551) * MIB
    assert first.card.bandwidth == 3.35e12
    assert (first.free_bytes, second.free_bytes) == (80458 * MIB, 12 * MIB)


def test_lines_that_say_nothing_are_left_out():
    assert parsed_gpus("No devices were found\nNVIDIA X, [N/A], [N/A], [N/A]\n\n") == ()
    assert parsed_gpus("Old, 100, 90, [N/A]")[0].card.memory_bytes == 100 * MIB


def test_only_cards_that_a_program_sees():
    both = parsed_gpus(SAID)
    assert visible(both, "1") == both[1:]
    assert visible(both, None) == visible(both, "GPU-8f6c") == both
    assert visible(both, "0,7") == both[:1]
    assert visible(both, "") == visible(both, "-1") == ()


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """NVIDIA's tool as a program that says and ends as told."""

    def installed(said: str, status: int = 0) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\nexit {status}\n")
        tool.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return installed


def test_the_drivers_tool_is_asked(driver, monkeypatch):
    driver(SAID)
    assert found_gpus() == parsed_gpus(SAID)
    assert memory_for(1) == parsed_gpus(SAID)[:1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert found_gpus() == parsed_gpus(SAID)[1:]


def test_a_tool_that_fails_or_is_not_there_shows_no_cards(driver, monkeypatch, tmp_path):
    driver(SAID, status=9)
    assert found_gpus() == ()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert found_gpus() == ()


def test_the_machines_memory_without_a_limit(tmp_path):
    found = main_memory(*machine(tmp_path, total=16 << 20, free=4 << 20, max="max\n"))
    assert (found.card.memory_bytes, found.free_bytes) == (16 << 30, 4 << 30)
    assert not found.card.is_gpu
    assert found.card.bandwidth is None


def test_a_containers_limit_goes_before_the_machines_memory(tmp_path):
    places = machine(
        tmp_path,
        total=64 << 20,
        free=60 << 20,
        max=str(8 << 30),
        current=str(7 << 30),
        stat=f"anon 1\ninactive_file {2 << 30}\n",
    )
    found = main_memory(*places)
    assert found.card.memory_bytes == 8 << 30
    assert found.free_bytes == 3 << 30, "files that were read can be dropped"


def test_this_machine_has_some():
    found = main_memory()
    assert 0 < found.free_bytes <= found.card.memory_bytes
