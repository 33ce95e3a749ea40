import pytest

from inference.quantization import quantization_name

INT4 = {"num_bits": 4, "type": "int", "group_size": 128}
FP8 = {"num_bits": 8, "type": "float"}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (None, "bfloat16"),
        ({}, "bfloat16"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"config_groups": {"group_0": {"weights": INT4, "input_activations": None}}}, "W4A16"),
        ({"config_groups": {"g": {"weights": INT4, "input_activations": {"num_bits": 8}}}}, "W4A8"),
        ({"config_groups": {"g": {"weights": FP8, "input_activations": FP8}}}, "FP8"),
        ({"config_groups": {"a": {"weights": INT4}, "b": {"weights": FP8}}}, "FP8 and W4A16"),
        ({"quant_method": "awq", "config_groups": {"a": "nonsense", "b": {"weights": 3}}}, "awq"),
        ({"quant_method": None, "config_groups": 7}, "quantized"),
    ],
)
def test_a_checkpoints_weights_have_a_short_name(config, name):
    assert quantization_name(config, "bfloat16") == name
