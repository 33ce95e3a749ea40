import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from inference.errors import ProfileRefused
from inference.plan.memory import main_memory
from inference.plan.planning import CPU_CACHE_BYTES, Asked, make_plan
from inference.plan.serving import serving_of
from inference.plan.sources import find_config
from inference.profiles import Profile, profile_named
from inference.profiles.profile import SET_BY_US
from inference.settings import EngineSettings
from inference.start import chosen_profile
from inference.vllm_engine import launch
from inference.vllm_engine.launch import (
    Experts,
    engine_arguments,
    environment,
    environment_set,
    in_a_line,
)
from inference.vllm_engine.plugin import asked_path

DEMO = profile_named("demo")


def test_the_environment_is_put_back_with_all_that_was_added_meanwhile():
    before = dict(os.environ)
    with environment_set({"OUTRIDER_VLLM_PLUGIN": "1", "HOME": "/elsewhere"}):
        assert os.environ["OUTRIDER_VLLM_PLUGIN"] == "1"
        os.environ["LD_PRELOAD"] = "something.so"
    assert dict(os.environ) == before


def test_an_engine_is_given_none_of_our_settings(monkeypatch):
    monkeypatch.setenv("OUTRIDER_TELEGRAM__TOKEN", "secret")
    with environment_set(environment(DEMO, "org/name", debug=False, ray_address="10.0.0.1:6379")):
        ours = {name for name in os.environ if name.startswith("OUTRIDER_")}
        assert ours == {"OUTRIDER_VLLM_PLUGIN", "OUTRIDER_VLLM_MOE", "OUTRIDER_VLLM_KERNEL_TABLES"}
        assert os.environ["RAY_ADDRESS"] == "10.0.0.1:6379"
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["OUTRIDER_TELEGRAM__TOKEN"] == "secret"


def test_the_profiles_parallelism_reaches_vllm():
    arguments = engine_arguments(profile_named("maverick-hosts"), "m")
    assert arguments["tensor_parallel_size"] == 8
    assert arguments["pipeline_parallel_size"] == 2
    assert arguments["enable_expert_parallel"]
    assert arguments["distributed_executor_backend"] == "ray"


def test_a_local_model_never_asks_the_network_and_nothing_is_reported(tmp_path):
    local = environment(DEMO, str(tmp_path), debug=False)
    assert local["HF_HUB_OFFLINE"] == local["VLLM_NO_USAGE_STATS"] == local["DO_NOT_TRACK"] == "1"
    assert "HF_HUB_OFFLINE" not in environment(DEMO, "org/name", debug=False)


def test_on_a_cpu_the_worker_lives_in_the_core_and_leaves_a_core_of_the_machine(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    told = environment(DEMO, "m", debug=False)
    assert told["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert 1 <= int(told["OMP_NUM_THREADS"]) <= max(len(os.sched_getaffinity(0)) - 1, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment(DEMO, "m", debug=False)["OMP_NUM_THREADS"] == "3"
    told = environment(profile_named("scout"), "m", debug=False)
    assert not {"VLLM_ENABLE_V1_MULTIPROCESSING", "OMP_NUM_THREADS"} & told.keys()


def test_cards_are_counted_as_the_plan_counts_them_where_nobody_says_otherwise(monkeypatch):
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    scout = profile_named("scout")
    assert environment(scout, "m", debug=False)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert "CUDA_DEVICE_ORDER" not in environment(DEMO, "m", debug=False)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    with environment_set(environment(scout, "m", debug=False)):
        assert os.environ["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"


def test_threads_are_one_for_each_core_but_one(monkeypatch):
    cores = {0: "0,4", 1: "1,5", 4: "0,4", 5: "1,5"}
    monkeypatch.setattr(launch, "_siblings", cores.__getitem__)
    for allowed, threads in (({0, 1, 4, 5}, 1), ({0, 4}, 1), ({0}, 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, allowed=allowed: allowed)
        assert launch.cpu_threads() == threads
    monkeypatch.setattr(launch, "_siblings", str)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert launch.cpu_threads() == 7


def test_a_setting_for_the_streams_goes_before_the_profiles_in_vllm_and_in_the_plan(tmp_path):
    demo = chosen_profile(EngineSettings(), tmp_path)
    assert engine_arguments(demo, "m")["max_num_seqs"] == demo.max_num_seqs >= 8
    fewer = chosen_profile(EngineSettings(max_num_seqs=3), tmp_path)
    assert engine_arguments(fewer, "m")["max_num_seqs"] == 3
    assert serving_of(fewer).max_num_seqs == 3


def test_a_context_that_leaves_no_room_for_a_prompt_is_refused_by_its_setting(tmp_path):
    with pytest.raises(ProfileRefused, match=r"256 tokens leave no room.*ENGINE__MAX_MODEL_LEN"):
        chosen_profile(EngineSettings(profile="scout", max_model_len=256), tmp_path)
    assert chosen_profile(EngineSettings(profile="scout", max_model_len=257), tmp_path)


def test_on_a_cpu_vllm_is_told_the_cache_that_was_planned(tmp_path):
    facts = find_config(DEMO, tmp_path).config
    (tmp_path / "config.json").write_text(json.dumps(facts))
    plain = replace(DEMO, kv_cache_bytes=None, max_model_len=1024, max_num_seqs=2)
    planned = make_plan(Asked("m", facts, serving_of(plain), main_memory().card))
    told = engine_arguments(plain, str(tmp_path))["kv_cache_memory_bytes"]
    assert told == planned.cache_bytes == 2 * planned.cache.bytes_of(1024)
    (tmp_path / "config.json").write_text('{"architectures": ["MambaForCausalLM"]}')
    assert engine_arguments(plain, str(tmp_path))["kv_cache_memory_bytes"] == CPU_CACHE_BYTES
    assert engine_arguments(DEMO, "m")["kv_cache_memory_bytes"] == DEMO.kv_cache_bytes
    assert engine_arguments(profile_named("scout"), "m")["kv_cache_memory_bytes"] is None


EIGHT_BILLION = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}


def step_told(profile: Profile, folder: Path) -> int | None:
    """And it is the plan's."""
    told = engine_arguments(profile, str(folder)).get("max_num_batched_tokens")
    facts = json.loads((folder / "config.json").read_text())
    card = main_memory().card
    assert make_plan(Asked("m", facts, serving_of(profile), card)).step_tokens == (told or 2048)
    return told


def test_on_a_cpu_a_step_of_a_large_model_takes_fewer_tokens(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(EIGHT_BILLION))
    own = replace(DEMO, model=str(tmp_path), recipe="", kv_cache_bytes=None)
    assert step_told(own, tmp_path) == 256
    assert step_told(replace(own, max_num_seqs=300), tmp_path) == 300
    assert step_told(replace(own, vllm={"max_num_batched_tokens": 512}), tmp_path) == 512
    scout = replace(profile_named("scout"), model=str(tmp_path))
    for other in (
        replace(own, embeds=True),
        replace(own, vllm={"enable_chunked_prefill": False}),
        scout,
    ):
        assert step_told(other, tmp_path) is None


@pytest.mark.parametrize("name", ["demo", "demo-int4", "demo-embeddings"])
def test_a_step_of_the_demo_model_is_as_vllm_has_it(tmp_path, name):
    profile = profile_named(name)
    (tmp_path / "config.json").write_text(json.dumps(find_config(profile, tmp_path).config))
    assert step_told(profile, tmp_path) is None


def test_a_model_that_cannot_be_planned_has_vllms_steps(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["MambaForCausalLM"]}')
    assert "max_num_batched_tokens" not in engine_arguments(DEMO, str(tmp_path))
    assert "max_num_batched_tokens" not in engine_arguments(DEMO, "org/name")


def test_of_what_vllms_config_refuses_the_first_fault_is_told(tmp_path):
    from vllm.config import CacheConfig

    with pytest.raises(ValidationError) as refused:
        CacheConfig(gpu_memory_utilization=7.0)
    assert "\n" in str(refused.value)
    said = "gpu_memory_utilization: Input should be less than or equal to 1"
    assert in_a_line(refused.value) == said
    assert in_a_line(ValueError("no such tokenizer")) == "no such tokenizer"


def test_what_a_profile_leaves_open_is_left_to_vllm_and_what_it_says_is_stated():
    plain = replace(profile_named("demo"), attn_temperature_tuning=None)
    open_ones = {
        "quantization",
        "gpu_memory_utilization",
        "distributed_executor_backend",
        "disable_hybrid_kv_cache_manager",
        "override_generation_config",
    }
    assert not open_ones & engine_arguments(plain, "m").keys()
    scout = engine_arguments(profile_named("scout"), "m")
    assert scout["quantization"] == "compressed-tensors"
    assert scout["disable_hybrid_kv_cache_manager"] is True
    assert scout["override_generation_config"] == {"attn_temperature_tuning": True}
    assert (
        engine_arguments(profile_named("scout-long"), "m")["disable_hybrid_kv_cache_manager"]
        is False
    )


def test_all_arguments_that_are_set_here_may_stand_in_no_table():
    whole = replace(
        profile_named("scout"), gpu_memory_utilization=0.5, distributed_executor="mp", vllm={}
    )
    added_at_the_start = {"enable_sleep_mode"}
    assert engine_arguments(whole, "m").keys() | added_at_the_start == SET_BY_US.keys()


def test_who_computes_the_experts_is_told_to_every_process(tmp_path, monkeypatch):
    told = environment(DEMO, "m", debug=False, experts=Experts("naive", tmp_path / "kernels"))
    with environment_set(told):
        assert asked_path() == "naive"
        assert os.environ["OUTRIDER_VLLM_KERNEL_TABLES"] == str(tmp_path / "kernels")
    assert environment(DEMO, "m", debug=False)["OUTRIDER_VLLM_MOE"] == "custom"
    monkeypatch.setenv("OUTRIDER_VLLM_MOE", "fastest")
    with pytest.raises(ValueError, match="none of custom, triton, stock, naive"):
        asked_path()


def test_the_naive_layer_is_in_no_cuda_graph():
    scout = profile_named("scout")
    assert engine_arguments(scout, "m", "naive")["enforce_eager"]
    assert not engine_arguments(scout, "m")["enforce_eager"]


def test_adapters_are_refused_except_by_stock():
    adapted = replace(profile_named("scout"), vllm={"enable_lora": True})
    for moe in ("custom", "triton", "naive"):
        with pytest.raises(ProfileRefused, match=r"adapters .enable_lora.*MOE=stock"):
            engine_arguments(adapted, "m", moe)
    assert engine_arguments(adapted, "m", "stock")["enable_lora"]


def test_tritons_experts_are_refused_without_a_gpu(tmp_path):
    with pytest.raises(ProfileRefused, match=r"need a GPU.*leave OUTRIDER_ENGINE__MOE away"):
        chosen_profile(EngineSettings(profile="demo", moe="triton"), tmp_path)
    for profile in ("scout", "scripted"):
        chosen_profile(EngineSettings(profile=profile, moe="triton"), tmp_path)
