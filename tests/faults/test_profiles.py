"""Profiles, licences and weights as a person meets them at the terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from inference.demo.layout import model_folder
from tests.fakes.hub import TOKEN, HubServer
from tests.support.checkpoint import checkpoint
from tests.support.program import START_SECONDS, Program

Make = Callable[..., Program]

TINY = """\
model = "org/tiny-llama"
[licence]
name = "Tiny Licence"
url = "https://example.org/licence"
summary = "It asks for little."
notice = "Tiny Llama is somebody's."
"""


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HubServer]:
    server = HubServer()
    server.add("org/tiny-llama", checkpoint())
    await server.start()
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    await server.stop()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A data directory with the profile `tiny`, for a CPU."""
    write_profile(tmp_path / "data", "tiny", TINY)
    return tmp_path / "data"


def write_profile(data_dir: Path, name: str, text: str) -> None:
    (data_dir / "profiles").mkdir(parents=True, exist_ok=True)
    (data_dir / "profiles" / f"{name}.toml").write_text(text)


async def said(program: Program) -> str:
    """What a command says that ends well."""
    program.start()
    assert await program.ended(START_SECONDS) == 0, program.output
    return program.output


async def test_an_unknown_profile_is_refused_with_the_nearest(
    outrider: Make, tmp_path: Path
) -> None:
    program = outrider(tmp_path / "data", settings={"ENGINE__PROFILE": "scuot"})
    refused = await program.refusal()
    assert "There is no profile 'scuot'" in refused
    assert "Did you mean scout?" in refused
    assert not (tmp_path / "data").exists()


async def test_a_wrong_key_in_ones_own_profile_is_refused(outrider: Make, tiny: Path) -> None:
    write_profile(tiny, "mine", 'extends = "demo"\ntemperatur = 0.2\n')
    refused = await outrider(tiny, settings={"ENGINE__PROFILE": "mine"}).refusal()
    assert "mine.toml: temperatur is not a key of a profile: did you mean temperature?" in refused


async def test_a_profile_for_a_card_is_refused_without_one(outrider: Make, tmp_path: Path) -> None:
    refused = await outrider(tmp_path / "data", settings={"ENGINE__PROFILE": "scout"}).refusal()
    assert "needs one H100 with 80 GB, and this machine has no NVIDIA GPU" in refused


async def test_weights_come_after_their_licence_and_before_the_start(
    outrider: Make, tiny: Path, server: HubServer
) -> None:
    chosen = {"ENGINE__PROFILE": "tiny"}
    refused = await outrider(tiny, settings=chosen).refusal()
    assert "the Tiny Licence: read https://example.org/licence" in refused
    assert "outrider licence accept tiny" in refused
    fetch = ("weights", "fetch", "tiny")
    assert "outrider licence accept tiny" in await outrider(tiny, command=fetch).refusal()
    assert server.ranges == []
    shown = await said(outrider(tiny, command=("licence", "show", "tiny")))
    assert "It asks for little." in shown
    assert "Accept it: outrider licence accept tiny" in shown
    assert "Accepted by" in await said(outrider(tiny, command=("licence", "accept", "tiny")))
    listed = await said(outrider(tiny, command=("weights", "show", "tiny")))
    assert listed.count("to be fetched") == 6
    size = sum(len(content) for content in checkpoint().values())
    assert f"{size:,}" in listed
    assert "checked." in await said(outrider(tiny, command=fetch))
    listed = await said(outrider(tiny, command=("weights", "show"), settings=chosen))
    assert listed.count("here, checked") == 6


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
async def test_an_interrupted_fetch_goes_on_in_the_middle_of_a_file(
    outrider: Make, tiny: Path, server: HubServer, number: signal.Signals, status: int
) -> None:
    await said(outrider(tiny, command=("licence", "accept", "tiny")))
    server.hold = asyncio.Event()
    first = outrider(tiny, command=("weights", "fetch", "tiny"))
    first.start()

    def parts() -> list[int]:
        return [path.stat().st_size for path in tiny.rglob("*.safetensors.*.part")]

    await first.until(lambda: len(parts()) == 3 and all(parts()))
    first.signal(number)
    assert await first.ended() == status
    assert "Traceback" not in first.output
    sizes = parts()
    server.hold.set()
    server.hold = None
    server.ranges.clear()
    assert "checked." in await said(outrider(tiny, command=("weights", "fetch", "tiny")))
    assert sorted(asked for _, asked in server.ranges) == sorted(f"bytes={one}-" for one in sizes)


async def test_a_model_that_is_given_out_on_request_takes_ones_own_token(
    outrider: Make, tiny: Path, server: HubServer
) -> None:
    server.repos["org/tiny-llama"].gated = True
    await said(outrider(tiny, command=("licence", "accept", "tiny")))
    fetch = ("weights", "fetch", "tiny")
    refused = await outrider(tiny, command=fetch).refusal()
    assert f"ask for it at {server.url}/org/tiny-llama" in refused
    mine = outrider(tiny, command=fetch, settings={"ENGINE__HUB_TOKEN": TOKEN})
    assert TOKEN not in await said(mine)


async def test_who_sits_at_a_terminal_is_asked_once(tiny: Path, server: HubServer) -> None:
    def answered(answer: bytes) -> str:
        program = Program(tiny, {"ENGINE__PROFILE": "tiny"})
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "bots.cli", "run"],
            env=program.environment(),
            cwd=tiny.parent,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            os.write(ours, answer)
            shown, _ = process.communicate(timeout=START_SECONDS)
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
        return shown.decode()

    refused = await asyncio.to_thread(answered, b"n\n")
    assert "Do you accept it?" in refused
    assert "outrider: The weights of tiny come under" in refused
    server.repos.clear()  # so that the start ends, right after the licence
    accepted = await asyncio.to_thread(answered, b"y\n")
    assert "Do you accept it?" in accepted
    assert "The hub shows no org/tiny-llama without a token" in accepted
    assert "Tiny Licence" not in await asyncio.to_thread(answered, b"")


async def test_a_damaged_file_is_named_before_anything_is_loaded(
    outrider: Make, tmp_path: Path
) -> None:
    for name, content in checkpoint().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "model-00002-of-00003.safetensors").write_bytes(b"short")
    settings = {"ENGINE__PROFILE": "demo", "ENGINE__MODEL": str(tmp_path)}
    refused = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "model-00002-of-00003.safetensors is damaged" in refused
    assert "copy it there again" in refused


async def test_a_model_without_a_chat_template_is_refused_at_the_start(
    outrider: Make, tmp_path: Path, demo_data_dir: Path
) -> None:
    model = tmp_path / "no-template"
    model.mkdir()
    for path in model_folder(demo_data_dir).iterdir():
        if path.name != "tokenizer_config.json":
            (model / path.name).symlink_to(path)
    settings = {"ENGINE__PROFILE": "demo", "ENGINE__MODEL": str(model)}
    refused = await outrider(tmp_path / "data", settings=settings).refusal()
    assert "has no chat template" in refused
