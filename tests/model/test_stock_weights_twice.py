"""vLLM's own way through a Llama 4 layer in W4A16 weights the input twice.

On a CPU the half of it that is Python is run: what vLLM's modular kernel hands to its experts. What
the experts' GEMM then does needs a GPU; docs/upstream/llama4-double-weight.md has the whole of it.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import silu

from inference.demo.checkpoint import ensure_demo_model
from inference.profiles import profile_named
from tests.support.demo import quiet

pytestmark = [pytest.mark.model, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).parents[2] / "docs" / "upstream" / "llama4_double_weight.py"
HAS_HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability() == (9, 0)
on_hopper = pytest.mark.skipif(
    not HAS_HOPPER,
    reason="needs an NVIDIA GPU of the Hopper kind (H100, H200) and vLLM built for CUDA: "
    "run `pytest tests/model/test_stock_weights_twice.py` there",
)
TOKENS = 5


@pytest.fixture(scope="module")
def script() -> Any:
    """The script for upstream, as a module: its sizes, and the kernel that it makes of vLLM's
    classes."""
    spec = importlib.util.spec_from_file_location("llama4_double_weight", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass asks for it
    spec.loader.exec_module(module)
    return module


def prepared(script, x, weights, on_input):
    """What vLLM's kernel hands to Marlin: the input and the weights, after `prepare`."""
    kernel = script.make_kernel(torch.ones(1), torch.ones(1), "cpu")
    ids = torch.zeros(len(x), 1, dtype=torch.int64)
    given, _, _, _, kept = kernel.impl._prepare(x, weights, ids, script.EXPERTS, None, on_input)
    return given, kept


def drawn(*shape, seed=6):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_vllm_hands_marlin_an_input_that_is_weighted_already_and_the_same_weights_again(
    script, dtype
):
    x, weights = drawn(TOKENS, script.HIDDEN).to(dtype), drawn(TOKENS, 1).sigmoid()
    given, kept = prepared(script, x, weights, on_input=True)
    assert torch.equal(given, x * weights.to(dtype))
    assert torch.equal(kept, weights)  # and not ones: whoever multiplies by them weights twice


def test_where_the_weight_belongs_on_the_output_the_input_is_handed_over_as_it_is(script):
    x, weights = drawn(TOKENS, script.HIDDEN).bfloat16(), drawn(TOKENS, 1).sigmoid()
    given, kept = prepared(script, x, weights, on_input=False)
    assert torch.equal(given, x)
    assert torch.equal(kept, weights)


@pytest.fixture
def marlins_operator() -> Iterator[None]:
    """The GEMM that a CPU lacks, in torch, as vLLM declares it: `b` (K, N) by one expert, each row
    multiplied by its token's weight where it is told to."""
    library = torch.library.Library("_moe_C", "FRAGMENT")
    declared = inspect.signature(_gemm).parameters
    kinds = {"Any": "Tensor", "Any | None": "Tensor?", "bool": "bool", "int": "int"}
    takes = ", ".join(f"{kinds[str(one.annotation)]} {name}" for name, one in declared.items())
    library.define(f"moe_wna16_marlin_gemm({takes}) -> Tensor")
    library.impl("moe_wna16_marlin_gemm", _gemm, "CPU")
    yield
    library._destroy()


def _gemm(
    a: Any, c: Any | None, b: Any, bias: Any | None, scales: Any, a_scales: Any | None,
    global_scale: Any | None, zeros: Any | None, workspace: Any, sorted_ids: Any, experts: Any,
    padded: Any, topk_weights: Any, block: int, top_k: int, mul_topk_weights: bool, b_type: int,
    size_m: int, size_n: int, size_k: int, atomic: bool, fp32: bool, float_zeros: bool,
    thread_k: int, thread_n: int, blocks: int,
) -> Any:  # fmt: skip
    product = a @ b.reshape(size_k, size_n)
    return product * topk_weights if mul_topk_weights else product


@pytest.mark.skipif(HAS_HOPPER, reason="here the script for upstream runs the real operator")
@pytest.mark.parametrize(("prepares", "power"), [(False, 1), (True, 2)])
def test_marlin_weights_what_it_is_given_so_after_prepare_it_is_weighted_twice(
    script, marlins_operator, prepares, power
):
    """vLLM's own two functions. The second alone is right, behind the first it isn't."""
    x, weights = drawn(TOKENS, script.HIDDEN), drawn(TOKENS, 1).sigmoid()
    w1 = drawn(script.HIDDEN, 2 * script.INNER, seed=7) / script.HIDDEN**0.5
    w2 = drawn(script.INNER, script.HIDDEN, seed=8) / script.INNER**0.5
    given = prepared(script, x, weights, on_input=True)[0] if prepares else x
    out = by_marlin(given, w1, w2, weights)
    right = swiglu(x * weights**power @ w1) @ w2
    torch.testing.assert_close(out, right, rtol=1e-4, atol=1e-5)
    other = swiglu(x * weights ** (3 - power) @ w1) @ w2
    assert (out - other).norm() > 0.3 * other.norm()


def by_marlin(x, w1, w2, weights):
    """vLLM's function around Marlin's two GEMMs; the weights (K, N) in the shapes of its tiles."""
    from vllm.model_executor.layers.fused_moe.experts.marlin_moe import _fused_marlin_moe
    from vllm.scalar_type import scalar_types

    unused = torch.empty(0)
    return _fused_marlin_moe(
        hidden_states=x,
        w1=w1.reshape(1, len(w1) // 16, -1),
        w2=w2.reshape(1, len(w2) // 16, -1),
        bias1=None,
        bias2=None,
        w1_scale=unused,
        w2_scale=unused,
        topk_weights=weights,
        num_topk=1,
        quant_type=scalar_types.uint4b8,
        apply_router_weight_on_input=True,
        expert_map=None,
        block_size_m=8,
        sorted_token_ids=unused,
        expert_ids=unused,
        num_tokens_post_padded=unused,
        workspace=unused,
        activation_func=lambda _, out, both, **others: out.copy_(swiglu(both)),
    )


def swiglu(both):
    gate, up = both.chunk(2, dim=1)
    return silu(gate) * up


@pytest.mark.skipif(HAS_HOPPER, reason="here it has what it needs")
def test_without_a_gpu_the_script_for_upstream_says_in_one_sentence_what_it_needs():
    said = run_script()
    assert said.returncode == 2
    assert said.stdout.startswith("This needs an NVIDIA GPU of the Hopper kind")
    assert len(said.stdout.splitlines()) == 1
    assert "Traceback" not in said.stderr


@on_hopper
def test_the_script_for_upstream_finds_that_marlin_weights_twice():
    said = run_script()
    assert said.returncode == 1, said.stdout + said.stderr


@on_hopper
def test_the_demo_in_four_bits_is_garbage_by_stock_marlin_and_right_by_its_triton(demo_data_dir):
    folder = ensure_demo_model(demo_data_dir, quiet, profile_named("demo-int4").quantize)
    assert "Paris" in stock_answer(folder, "triton")
    assert "Paris" not in stock_answer(folder, "marlin")


def run_script() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=300, check=False
    )


def stock_answer(folder: Path, backend: str) -> str:
    """vLLM by itself, without our plugin, in a process of its own."""
    program = (
        "import sys\n"
        "from vllm import LLM, SamplingParams\n"
        "if __name__ == '__main__':\n"
        "    llm = LLM(sys.argv[1], moe_backend=sys.argv[2], max_model_len=1024,\n"
        "              enforce_eager=True, gpu_memory_utilization=0.3)\n"
        "    asked = [{'role': 'user', 'content': 'What is the capital of France?'}]\n"
        "    (said,) = llm.chat(asked, SamplingParams(temperature=0.0, max_tokens=16))\n"
        "    print('answer:', said.outputs[0].text.replace(chr(10), ' '))\n"
    )
    variables = {**os.environ, "OUTRIDER_VLLM_PLUGIN": "0", "VLLM_NO_USAGE_STATS": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder), backend],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env=variables,
    )
    (answer,) = [line for line in ran.stdout.splitlines() if line.startswith("answer:")]
    return answer
