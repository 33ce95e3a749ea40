from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import fields

import pytest

from inference.errors import ProfileRefused
from inference.profiles import Profile, profile_named, profile_names
from inference.settings import EngineSettings
from inference.start import build_engine, chosen_profile
from inference.weights.source import Recipe, source_of


def test_every_built_in_profile_can_be_read_and_says_what_it_needs():
    for name in set(profile_names()) - {"behemoth"}:
        profile = profile_named(name)
        assert profile.name == name
        assert profile.hardware
        assert bool(profile.extra) == (profile.runner == "vllm")


def test_behemoth_is_refused_because_it_was_never_released(tmp_path):
    with pytest.raises(ProfileRefused, match="was never released"):
        build_engine(EngineSettings(profile="behemoth"), tmp_path)


def test_an_unknown_profile_is_refused_with_the_nearest_and_the_known_names(tmp_path):
    with pytest.raises(ProfileRefused, match=r"'scowt'.*demo.*remote.*Did you mean scout\?"):
        build_engine(EngineSettings(profile="scowt"), tmp_path)


@pytest.mark.parametrize("name", ["../scout", "", ".", "profiles/scout", "scout.toml"])
def test_a_name_is_no_path(name, tmp_path):
    (tmp_path / "scout.toml").write_text("")
    with pytest.raises(ProfileRefused, match="There is no profile"):
        profile_named(name, tmp_path / "data")


def test_scout_comes_in_a_quick_and_a_long_variant_of_the_same_weights():
    quick, long = profile_named("scout"), profile_named("scout-long")
    assert (quick.model, quick.quantization) == (long.model, "compressed-tensors")
    assert (quick.hybrid_kv_cache, long.hybrid_kv_cache) == (False, True)
    assert long.max_model_len > quick.max_model_len
    assert quick.attn_temperature_tuning is long.attn_temperature_tuning is True
    assert quick.kv_cache_dtype == "fp8"


def test_scout_sees_images_unless_it_is_told_to_read_text_alone(tmp_path):
    assert chosen_profile(EngineSettings(profile="scout"), tmp_path).vision
    assert not chosen_profile(EngineSettings(profile="scout", vision=False), tmp_path).vision


def test_the_longest_context_can_be_set(tmp_path):
    chosen = chosen_profile(EngineSettings(profile="scout", max_model_len=4096), tmp_path)
    assert chosen.max_model_len == 4096


def test_images_for_a_model_that_sees_none_are_refused(tmp_path):
    with pytest.raises(ProfileRefused, match="OUTRIDER_ENGINE__VISION"):
        build_engine(EngineSettings(vision=True), tmp_path)


def test_the_models_of_meta_come_under_their_licence_and_the_demo_says_what_it_is():
    for name in ("scout", "scout-long", "maverick", "maverick-hosts"):
        profile = profile_named(name)
        assert profile.attribution == "Built with Llama"
        assert profile.licence is not None
        assert "Meta Platforms, Inc." in profile.licence.notice
    demo = profile_named("demo")
    assert (demo.attribution, demo.licence) == ("", None)
    assert "135-million-parameter" in demo.notice
    assert "remote" in demo.notice
    assert "scout" in demo.notice


def test_the_demo_in_four_bits_is_the_demo_but_for_its_weights():
    plain, packed = profile_named("demo"), profile_named("demo-int4")
    differing = {
        one.name for one in fields(Profile) if getattr(plain, one.name) != getattr(packed, one.name)
    }
    assert differing == {"name", "quantize", "served_name"}
    assert source_of(packed) == Recipe("smollm2-recast", "w4a16")


def test_remote_needs_an_endpoint(tmp_path):
    with pytest.raises(ProfileRefused, match="OUTRIDER_ENGINE__BASE_URL"):
        build_engine(EngineSettings(profile="remote"), tmp_path)


def test_a_profile_of_several_hosts_needs_their_clusters_address(tmp_path):
    with pytest.raises(ProfileRefused, match=r"two hosts.*OUTRIDER_ENGINE__RAY_ADDRESS"):
        build_engine(EngineSettings(profile="maverick-hosts"), tmp_path)


@pytest.mark.parametrize("name", ["remote", "maverick-hosts", "demo-embeddings"])
def test_what_has_no_replicas_is_not_served_by_ray_serve(tmp_path, name):
    with pytest.raises(ProfileRefused, match="leave OUTRIDER_ENGINE__RAY_SERVE away"):
        build_engine(EngineSettings(profile=name, ray_serve=True), tmp_path)


def test_without_ray_the_refusal_names_the_extra(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    without = lambda name: None if name == "ray" else find_spec(name)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without)
    for settings in (EngineSettings(ray_serve=True), EngineSettings(profile="maverick-hosts")):
        with pytest.raises(ProfileRefused, match=r"pip install '\.\[ray\]'"):
            build_engine(settings, tmp_path)


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1", "http://10.0.0.1:6379"])
def test_an_address_that_ray_could_not_stream_over_is_refused(address):
    with pytest.raises(ValueError, match="ray_address"):
        EngineSettings(ray_address=address)


def test_each_profiles_cards_are_those_of_its_parallelism():
    for name in set(profile_names()) - {"behemoth"}:
        profile = profile_named(name)
        if profile.gpus:
            assert profile.gpus == profile.tensor_parallel * profile.pipeline_parallel


def test_choosing_an_engine_imports_neither_torch_nor_vllm():
    program = (
        "import sys, inference.start, inference.remote.engine, inference.scripted\n"
        "import inference.vllm_engine.plugin\n"
        "heavy = {'torch', 'vllm', 'transformers', 'numpy', 'huggingface_hub', 'ray'}\n"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
