"""A profile that a person added in TOML: it starts and answers, and says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.demo.layout import model_folder
from inference.errors import ModelNotFound, ProfileRefused
from inference.settings import EngineSettings
from inference.start import build_engine
from tests.support.demo import joined, quiet

pytestmark = pytest.mark.model


def own_profile(data_dir: Path, model: Path, vllm: str) -> EngineSettings:
    (data_dir / "profiles").mkdir(parents=True)
    (data_dir / "profiles" / "mine.toml").write_text(
        f'extends = "demo"\nmodel = "{model}"\nserved_name = "my-own"\nmax_model_len = 1024\n'
        f"notice = ''\n[vllm]\n{vllm}\n"
    )
    return EngineSettings(profile="mine")


async def test_a_profile_of_ones_own_starts_and_answers(demo_data_dir: Path, tmp_path: Path):
    settings = own_profile(tmp_path, model_folder(demo_data_dir), "max_num_batched_tokens = 1024")
    engine = build_engine(settings, tmp_path)
    try:
        await engine.start(quiet)
        info = engine.info
        assert (info.profile, info.model, info.max_model_len) == ("mine", "my-own", 1024)
        assert (info.notice, info.vision) == ("", False)
        prompt = await engine.render([ChatMessage("user", "What is the capital of France?")])
        request = GenerationRequest("one", prompt, Sampling(max_tokens=16))
        said = joined([delta.text async for delta in engine.generate(request)])
        assert said == "The capital of France is Paris."
    finally:
        await engine.stop()


async def test_where_nobody_says_how_to_sample_the_model_itself_does(
    demo_data_dir: Path, tmp_path: Path
):
    """Its generation_config.json: of 1.0 in temperature only the likeliest token is left by it."""
    model = tmp_path / "model"
    model.mkdir()
    for file in model_folder(demo_data_dir).iterdir():
        if file.name != "generation_config.json":
            (model / file.name).symlink_to(file)
    stated = json.loads((model_folder(demo_data_dir) / "generation_config.json").read_text())
    stated |= {"do_sample": True, "top_k": 1}
    (model / "generation_config.json").write_text(json.dumps(stated))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(
        f'model = "{model}"\nmax_model_len = 1024\nkv_cache_bytes = 100_000_000\n'
        "enforce_eager = true\nattn_temperature_tuning = false\n"
    )
    engine = build_engine(EngineSettings(profile="mine"), tmp_path)
    try:
        await engine.start(quiet)
        prompt = await engine.render([ChatMessage("user", "Tell me a story.")])

        async def said(sampling: Sampling) -> str:
            request = GenerationRequest(f"{sampling.top_k}", prompt, sampling)
            return joined([delta.text async for delta in engine.generate(request)])

        greedy = await said(Sampling(temperature=0.0, max_tokens=24))
        assert await said(Sampling(max_tokens=24)) == greedy
        assert await said(Sampling(max_tokens=24, top_k=0, seed=7)) != greedy
    finally:
        await engine.stop()


async def test_an_argument_that_vllm_does_not_know_is_refused_at_the_start(
    demo_data_dir: Path, tmp_path: Path
):
    settings = own_profile(tmp_path, model_folder(demo_data_dir), "max_num_batched_token = 1024")
    engine = build_engine(settings, tmp_path)
    with pytest.raises(ProfileRefused, match=r"did you mean max_num_batched_tokens\?"):
        await engine.start(quiet)
    await engine.stop()


async def test_without_a_stated_cache_it_starts_as_planned_beside_others(
    demo_data_dir: Path, tmp_path: Path
):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "plain.toml").write_text(
        f'model = "{model_folder(demo_data_dir)}"\nmax_model_len = 1024\nenforce_eager = true\n'
    )
    engine = build_engine(EngineSettings(profile="plain"), tmp_path)
    try:
        await engine.start(quiet)
        assert engine.info.as_planned, engine.info.plan
        assert "room for 16,384 tokens" in engine.info.plan, "sixteen conversations of 1024"
    finally:
        await engine.stop()


async def test_what_vllms_config_refuses_is_told_in_a_line(demo_data_dir: Path, tmp_path: Path):
    settings = own_profile(tmp_path, model_folder(demo_data_dir), "max_num_batched_tokens = 4")
    engine = build_engine(settings, tmp_path)
    with pytest.raises(ModelNotFound, match=r"can't be loaded: max_num_batched_tokens") as refused:
        await engine.start(quiet)
    assert "\n" not in str(refused.value)
    await engine.stop()
