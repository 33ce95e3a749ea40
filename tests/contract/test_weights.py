"""Weights from the hub: the hub's own client and ours against a server that speaks its API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.errors import (
    EngineUnavailable,
    ProfileRefused,
    WeightsDamaged,
    WeightsNotFetched,
)
from inference.profiles import Licence
from inference.settings import EngineSettings
from inference.start import build_engine
from inference.weights.fetch import NOTICE, fetch
from inference.weights.folder import require_model
from inference.weights.hub import Hub
from inference.weights.hub_cache import in_hub_cache
from inference.weights.manifest import MANIFEST, is_fetched
from inference.weights.source import OnHub
from tests.fakes.hub import STRANGER, TOKEN, HubServer
from tests.support.checkpoint import checkpoint
from tests.support.demo import quiet

NAME = "org/tiny-llama"
SOURCE = OnHub(NAME)
SECOND = "model-00002-of-00003.safetensors"
LICENCE = Licence("A Licence", "https://example.org/licence", notice="This model is somebody's.")


@pytest_asyncio.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[HubServer]:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    server = HubServer()
    server.add(NAME, checkpoint())
    await server.start()
    yield server
    await server.stop()


async def fetched(
    server: HubServer,
    data_dir: Path,
    token: str | None = None,
    source: OnHub = SOURCE,
    progress: Any = quiet,
    licence: Licence | None = None,
) -> Path:
    hub = Hub(token, server.url)
    return await asyncio.to_thread(
        fetch, source, data_dir, hub, licence, progress, pauses_seconds=(0.01, 0.01)
    )


async def refusal(server: HubServer, data_dir: Path, *given: Any, **named: Any) -> str:
    with pytest.raises((WeightsNotFetched, WeightsDamaged)) as refused:
        await fetched(server, data_dir, *given, **named)
    said = str(refused.value)
    assert "\n" not in said
    assert not {TOKEN, STRANGER, "Signature"} & set(said.split())
    return said


def parts(data_dir: Path) -> list[Path]:
    return sorted(SOURCE.folder(data_dir).glob("*.safetensors.*.part"))


async def test_a_model_is_fetched_whole_and_nothing_is_asked_afterwards(server, tmp_path):
    folder = await fetched(server, tmp_path, licence=LICENCE)
    for name, content in server.repos[NAME].files.items():
        assert (folder / name).read_bytes() == content
    require_model(folder)
    assert (folder / NOTICE).read_text() == "This model is somebody's.\n"
    await server.stop()
    assert await fetched(server, tmp_path) == folder


async def test_files_that_no_model_needs_stay_where_they_are(server, tmp_path):
    extra = ("pytorch_model.bin", "consolidated.safetensors", "run.py", ".gitattributes")
    server.repos[NAME].files |= dict.fromkeys(extra, b"x" * 64)
    folder = await fetched(server, tmp_path)
    assert not {path.name for path in folder.iterdir()} & set(extra)


async def test_the_share_of_all_bytes_is_told_and_only_grows(server, tmp_path):
    told: list[tuple[str, float | None]] = []
    await fetched(server, tmp_path, progress=lambda line, share: told.append((line, share)))
    shares = [share for _, share in told if share is not None]
    assert told[0] == (f"asking the hub for {NAME}", None)
    assert told[1][0] == f"fetching {NAME} (0.0 GB)"
    assert shares == sorted(shares)
    assert all(0.0 <= share <= 1.0 for share in shares)


async def test_a_broken_line_goes_on_at_its_last_byte(server, tmp_path):
    server.break_at = [5000, 3000]
    folder = await fetched(server, tmp_path)
    require_model(folder)
    again = [asked for _, asked in server.ranges if asked]
    assert sorted(again) != []
    assert all(asked != "bytes=0-" for asked in again)
    assert sum(len(content) for content in server.repos[NAME].files.values()) == sum(
        path.stat().st_size for path in folder.iterdir() if path.name in server.repos[NAME].files
    )


async def test_an_interrupted_start_goes_on_in_the_middle_of_a_file(server, tmp_path):
    """The first start is given up while every line is silent; what had come by then is kept."""
    server.hold = asyncio.Event()

    def until_something_came(line: str, share: float | None) -> None:
        if any(path.stat().st_size for path in parts(tmp_path)):
            raise EngineUnavailable("The engine was stopped while it started.")

    with pytest.raises(EngineUnavailable, match="was stopped"):
        await fetched(server, tmp_path, progress=until_something_came)
    kept = {path.name.partition(".safetensors")[0]: path.stat().st_size for path in parts(tmp_path)}
    assert kept
    assert not is_fetched(SOURCE, tmp_path)
    server.hold.set()
    server.hold = None
    server.ranges.clear()
    require_model(await fetched(server, tmp_path))
    asked = {name.removesuffix(".safetensors"): asked for name, asked in server.ranges}
    assert {name: asked[name] for name, size in kept.items() if size} == {
        name: f"bytes={size}-" for name, size in kept.items() if size
    }
    assert parts(tmp_path) == []


async def test_what_is_broken_off_goes_on_with_the_same_commit_only(server, tmp_path):
    """A model that changed on the hub meanwhile is never half of each."""
    server.refusals = [404]
    await refusal(server, tmp_path)
    server.repos[NAME].files["config.json"] = b'{"architectures": ["Other"]}'
    said = await refusal(server, tmp_path)
    assert "no such revision" in said


async def test_a_server_that_sends_it_all_again_is_understood(server, tmp_path):
    server.break_at = [5000]
    server.ignores_ranges = True
    require_model(await fetched(server, tmp_path))


async def test_a_server_that_is_busy_for_a_moment_is_asked_again(server, tmp_path):
    server.refusals = [503, 429]
    require_model(await fetched(server, tmp_path))


async def test_a_server_that_stays_away_ends_in_a_sentence_and_what_came_is_kept(server, tmp_path):
    server.refusals = [503] * 100
    said = await refusal(server, tmp_path)
    assert "can't be reached (it answered 503)" in said
    assert "what was fetched is kept" in said


async def test_a_server_that_sends_us_in_circles_ends_in_a_sentence(server, tmp_path):
    server.sends_in_circles = True
    assert "can't be reached (TooManyRedirects)" in await refusal(server, tmp_path)


@pytest.mark.parametrize("name", [SECOND, "config.json"])
async def test_a_file_with_another_checksum_is_refused_and_fetched_anew(server, tmp_path, name):
    right = server.repos[NAME].files[name]
    server.forged[name] = right[:-1] + bytes([right[-1] ^ 1])
    said = await refusal(server, tmp_path)
    assert f"{name} arrived damaged" in said
    assert not (SOURCE.folder(tmp_path) / name).exists()
    assert not is_fetched(SOURCE, tmp_path)
    server.forged.clear()
    folder = await fetched(server, tmp_path)
    assert (folder / name).read_bytes() == right


async def test_a_file_that_is_longer_than_stated_is_refused(server, tmp_path):
    server.forged[SECOND] = server.repos[NAME].files[SECOND] + b"more"
    assert f"{SECOND} arrived damaged" in await refusal(server, tmp_path)


async def test_a_gated_model_needs_a_token_that_was_let_in(server, tmp_path):
    server.repos[NAME].gated = True
    for token in (None, STRANGER):
        said = await refusal(server, tmp_path, token)
        assert f"ask for it at {server.url}/{NAME}" in said
        assert "HF_TOKEN" in said
    require_model(await fetched(server, tmp_path, TOKEN))


async def test_a_wrong_token_is_told_as_that(server, tmp_path):
    assert "doesn't take the token" in await refusal(server, tmp_path, "hf_no-token-at-all")


async def test_a_private_model_is_shown_to_its_owner_alone(server, tmp_path):
    server.repos[NAME].private = True
    assert "without a token" in await refusal(server, tmp_path)
    assert "with this token" in await refusal(server, tmp_path, STRANGER)
    require_model(await fetched(server, tmp_path, TOKEN))


async def test_a_model_that_is_not_there_is_told_by_its_name(server, tmp_path):
    said = await refusal(server, tmp_path, TOKEN, source=OnHub("org/nothing"))
    assert "shows no org/nothing" in said
    assert not (tmp_path / "models").exists()


async def test_a_revision_that_is_not_there_is_told(server, tmp_path):
    assert "no such revision" in await refusal(server, tmp_path, source=OnHub(NAME, "v9"))


async def test_a_pinned_revision_is_the_one_that_is_fetched(server, tmp_path):
    commit = server.repos[NAME].commit
    folder = await fetched(server, tmp_path, source=OnHub(NAME, commit))
    assert folder.name == f"tiny-llama@{commit}"
    assert json.loads((folder / MANIFEST).read_text())["commit"] == commit


async def test_the_token_is_never_sent_to_the_storage(server, tmp_path):
    server.repos[NAME].gated = True
    await fetched(server, tmp_path, TOKEN)
    assert len(server.storage_headers) == 3
    assert not any("Authorization" in headers for headers in server.storage_headers)


async def test_a_hub_that_can_not_be_reached_is_told(server, tmp_path):
    await server.stop()
    assert "The hub can't be reached" in await refusal(server, tmp_path)


async def test_offline_means_offline(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids" in await refusal(server, tmp_path)
    assert server.lists == []


async def test_too_small_a_disk_is_refused_before_anything_is_fetched(server, tmp_path):
    server.stated_bytes[SECOND] = 1 << 60
    said = await refusal(server, tmp_path)
    assert "GB are free: free " in said
    assert "OUTRIDER_DATA_DIR" in said
    assert server.ranges == []


async def test_a_model_without_safetensors_is_refused(server, tmp_path):
    server.add("org/pickled", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    said = await refusal(server, tmp_path, source=OnHub("org/pickled"))
    assert "org/pickled has no safetensors" in said


@pytest.mark.parametrize("checksum", ["", "../../../outside", "A" * 64, "0" * 63])
async def test_a_checksum_that_is_none_is_refused(server, tmp_path, checksum):
    server.stated_checksums[SECOND] = checksum
    assert f"no checksum of {SECOND}" in await refusal(server, tmp_path)


@pytest.mark.parametrize("name", [MANIFEST, NOTICE])
async def test_a_file_of_the_name_of_ours_is_never_asked_for(server, tmp_path, name):
    server.repos[NAME].files[name] = b'{"complete": true, "files": {}}'
    folder = await fetched(server, tmp_path, licence=LICENCE)
    require_model(folder)
    assert is_fetched(SOURCE, tmp_path)
    assert name not in {asked for asked, _ in server.ranges}


@pytest.mark.parametrize(
    "name", ["../outside.json", "a/b.json", ".hidden.json", "a\\b.json", "a\0b.json", "a\nb.json"]
)
async def test_files_of_other_folders_are_never_asked_for(server, tmp_path, name):
    server.repos[NAME].files[name] = b"{}"
    folder = await fetched(server, tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        *checkpoint(),
        MANIFEST,
        ".lock",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


async def test_two_starts_at_once_fetch_each_file_once(server, tmp_path):
    folders = await asyncio.gather(fetched(server, tmp_path), fetched(server, tmp_path))
    assert folders[0] == folders[1]
    names = [name for name, _ in server.ranges]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / SECOND).unlink(),
        lambda folder: (folder / SECOND).write_bytes(b"short"),
    ],
)
async def test_a_file_that_was_lost_afterwards_is_fetched_again_alone(
    server: HubServer, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(await fetched(server, tmp_path))
    server.ranges.clear()
    require_model(await fetched(server, tmp_path))
    assert [name for name, _ in server.ranges] == [SECOND]


async def test_a_fetched_model_that_does_not_fit_is_refused_before_it_is_loaded(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": 65_536,
        "num_hidden_layers": 1_000,
        "num_attention_heads": 512,
        "intermediate_size": 262_144,
        "vocab_size": 100_000,
        "max_position_embeddings": 8_192,
    }
    server.add("org/huge", checkpoint() | {"config.json": json.dumps(huge).encode()})
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    engine = build_engine(EngineSettings(profile="demo", model="org/huge"), tmp_path)
    told: list[str] = []
    with pytest.raises(ProfileRefused, match="demo does not fit into main memory"):
        await engine.start(lambda line, share: told.append(line))
    assert is_fetched(OnHub("org/huge"), tmp_path)
    assert "loading vLLM" not in told


async def test_what_the_hubs_own_client_fetched_is_used_where_it_is_whole(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import snapshot_download

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert in_hub_cache(SOURCE) is None
    folder = await asyncio.to_thread(
        snapshot_download, NAME, cache_dir=tmp_path, endpoint=server.url, token=False
    )
    assert in_hub_cache(SOURCE) == Path(folder)
    (Path(folder) / SECOND).resolve().write_bytes(b"short")
    assert in_hub_cache(SOURCE) is None
