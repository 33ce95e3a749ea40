import os

from inference.profiles import PROFILES
from inference.vllm_launch import engine_arguments, environment, environment_set


def test_the_environment_is_put_back_with_all_that_was_added_meanwhile():
    before = dict(os.environ)
    with environment_set({"OUTRIDER_VLLM_PLUGIN": "1", "HOME": "/elsewhere"}):
        assert os.environ["OUTRIDER_VLLM_PLUGIN"] == "1"
        os.environ["LD_PRELOAD"] = "something.so"
    assert dict(os.environ) == before


def test_a_local_model_never_asks_the_network_and_nothing_is_reported(tmp_path):
    local = environment(str(tmp_path), debug=False)
    assert local["HF_HUB_OFFLINE"] == local["VLLM_NO_USAGE_STATS"] == local["DO_NOT_TRACK"] == "1"
    assert "HF_HUB_OFFLINE" not in environment("org/name", debug=False)


def test_a_setting_for_the_streams_goes_before_the_profiles():
    demo = PROFILES["demo"]
    assert engine_arguments(demo, "m", None)["max_num_seqs"] == demo.max_num_seqs >= 8
    assert engine_arguments(demo, "m", 3)["max_num_seqs"] == 3
