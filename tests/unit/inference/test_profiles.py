import subprocess
import sys

import pytest

from inference import start
from inference.errors import ModelNotFound, ProfileRefused
from inference.profiles import PROFILES, profile_named
from inference.settings import EngineSettings
from inference.start import build_engine


def test_behemoth_is_refused_because_it_was_never_released(tmp_path):
    with pytest.raises(ProfileRefused, match="was never released"):
        build_engine(EngineSettings(profile="behemoth"), tmp_path)


def test_an_unknown_profile_is_refused_with_the_known_names():
    with pytest.raises(
        ProfileRefused,
        match=r"'scowt'.*demo, demo-embeddings, scout, maverick, maverick-hosts, remote",
    ):
        profile_named("scowt")


def test_without_vllm_the_refusal_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProfileRefused, match=r"pip install 'outrider\[cpu\]'"):
        build_engine(EngineSettings(), tmp_path)
    with pytest.raises(ProfileRefused, match=r"pip install 'outrider\[gpu\]'"):
        build_engine(EngineSettings(profile="scout"), tmp_path)


def test_without_ray_the_refusal_names_the_extra(tmp_path, monkeypatch):
    find_spec = start.importlib.util.find_spec
    without = lambda name: None if name == "ray" else find_spec(name)  # noqa: E731
    monkeypatch.setattr(start.importlib.util, "find_spec", without)
    for settings in (EngineSettings(ray_serve=True), EngineSettings(profile="maverick-hosts")):
        with pytest.raises(ProfileRefused, match=r"pip install 'outrider\[ray\]'"):
            build_engine(settings, tmp_path)


def test_a_profile_of_several_hosts_needs_their_clusters_address(tmp_path):
    with pytest.raises(ProfileRefused, match=r"two hosts.*OUTRIDER_ENGINE__RAY_ADDRESS"):
        build_engine(EngineSettings(profile="maverick-hosts"), tmp_path)


@pytest.mark.parametrize("name", ["remote", "maverick-hosts"])
def test_what_has_no_replicas_is_not_served_by_ray_serve(tmp_path, name):
    with pytest.raises(ProfileRefused, match="leave OUTRIDER_ENGINE__RAY_SERVE away"):
        build_engine(EngineSettings(profile=name, ray_serve=True), tmp_path)


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1", "http://10.0.0.1:6379"])
def test_an_address_that_ray_could_not_stream_over_is_refused(address):
    with pytest.raises(ValueError, match="ray_address"):
        EngineSettings(ray_address=address)


def test_each_profiles_cards_are_those_of_its_parallelism():
    for profile in PROFILES.values():
        if profile.gpus:
            assert profile.gpus == profile.tensor_parallel * profile.pipeline_parallel


@pytest.mark.parametrize("name", ["scout", "maverick"])
def test_a_gpu_profile_without_a_gpu_is_refused(name, monkeypatch):
    monkeypatch.setattr(start, "graphics_cards", lambda: 0)
    with pytest.raises(ProfileRefused, match="no NVIDIA GPU"):
        start.require_hardware(PROFILES[name])


def test_too_few_gpus_are_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(start, "graphics_cards", lambda: 2)
    start.require_hardware(PROFILES["scout"])
    with pytest.raises(ProfileRefused, match=r"eight H100.*has 2 NVIDIA GPUs"):
        start.require_hardware(PROFILES["maverick"])


def test_a_cpu_without_avx2_is_refused(monkeypatch):
    monkeypatch.setattr(start, "has_avx2", lambda: False)
    with pytest.raises(ProfileRefused, match="AVX2"):
        start.require_hardware(PROFILES["demo"])


def test_a_model_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelNotFound, match="OUTRIDER_ENGINE__MODEL"):
        start.existing(str(tmp_path / "nowhere"))
    assert start.existing("org/name") == "org/name"


def test_remote_needs_an_endpoint(tmp_path):
    with pytest.raises(ProfileRefused, match="OUTRIDER_ENGINE__BASE_URL"):
        build_engine(EngineSettings(profile="remote"), tmp_path)


def test_the_models_of_meta_show_their_attribution_and_the_demo_says_what_it_is():
    assert PROFILES["scout"].attribution == PROFILES["maverick"].attribution == "Built with Llama"
    assert "135-million-parameter" in PROFILES["demo"].notice
    assert "remote" in PROFILES["demo"].notice
    assert "scout" in PROFILES["demo"].notice
    assert PROFILES["demo"].attribution == ""


def test_choosing_an_engine_imports_neither_torch_nor_vllm():
    program = (
        "import sys, inference.start, inference.remote, inference.scripted, inference.plugin\n"
        "assert not {'torch', 'vllm', 'transformers', 'numpy', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
