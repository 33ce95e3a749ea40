"""Compile our kernels for Hopper without a GPU, and read what came out.

    python -m tests.kernels.compiled

prints a table: registers, spilled bytes, shared memory, and the machine's instructions that
matter: HGMMA and HMMA (tensor core), loads from memory of 16 bytes and narrower.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from inference.kernels.moe.down import down_kernel
from inference.kernels.moe.gate_up import gate_up_kernel
from inference.kernels.moe.tiling import DEFAULT, Cut

TARGET = GPUTarget("cuda", 90, 32)
_BINARIES = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_POINTERS = {
    "x": "*bf16",
    "act": "*bf16",
    "out": "*bf16",
    "weights": "*fp32",
    "order": "*i32",
    "offsets": "*i32",
    "scales": "*bf16",
    "zeros": "*fp32",
    "partial": "*fp32",
    "arrived": "*i32",
}
_TILES = {"int4": "*i32", "fp8": "*fp8e4nv", "plain": "*bf16"}


@dataclass(frozen=True, slots=True)
class Compiled:
    """`spilled` in bytes of a thread's local memory; `shared` in bytes of a block; `code`: how
    often each instruction stands in the machine code."""

    name: str
    registers: int
    spilled: int
    shared: int
    code: Mapping[str, int]

    def count(self, *prefixes: str) -> int:
        return sum(n for name, n in self.code.items() if name.startswith(prefixes))


def compiled(kernel: Any, name: str, form: str, cut: Cut, experts: int = 16) -> Compiled:
    """For Scout's shapes: numbers that a launch passes are known to divide by 16."""
    constants: dict[str, Any] = {
        "E": triton.next_power_of_2(experts),
        "FORMAT": form,
        "HAS_ZEROS": False,
        "ROWS": cut.rows,
        "TOKENS": cut.tokens,
        "EVEN": True,
        "SPLITS": cut.splits,
    }
    names: Sequence[str] = kernel.arg_names
    constants = {one: value for one, value in constants.items() if one in names}
    signature = {one: _type(one, form, constants) for one in names}
    loose = {"tokens"} | constants.keys()
    attributes = {
        (at,): [["tt.divisibility", 16]] for at, one in enumerate(names) if one not in loose
    }
    source = ASTSource(kernel, signature, constants, attributes)
    options = {"num_warps": cut.warps, "num_stages": cut.stages}
    made = triton.compile(source, target=TARGET, options=options)
    return Compiled(name, *_resources(made.asm["cubin"]), made.metadata.shared, _code(made))


def _type(name: str, form: str, constants: Mapping[str, Any]) -> str:
    if name in constants:
        return "constexpr"
    return _TILES[form] if name == "tiles" else _POINTERS.get(name, "i32")


def _resources(cubin: bytes) -> tuple[int, int]:
    """Registers of a thread, and bytes on its stack."""
    said = _run("cuobjdump", "-res-usage", cubin)
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def _code(made: Any) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for line in _run("nvdisasm", "-c", made.asm["cubin"]).splitlines():
        found = re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\d+ )?([A-Z][A-Z0-9_.]+)", line)
        if found:
            counts[found[1]] = counts.get(found[1], 0) + 1
    return counts


def _run(program: str, option: str, cubin: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(_BINARIES / program), option, file.name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def all_default() -> Sequence[Compiled]:
    """Every kernel of the default table, int4."""
    found = []
    for tiling in DEFAULT:
        upto = f"{tiling.most_tokens}" if tiling.most_tokens < 1 << 60 else "more"
        found.append(compiled(gate_up_kernel, f"gate_up {upto}", "int4", tiling.gate_up))
        found.append(compiled(down_kernel, f"down {upto}", "int4", tiling.down))
    return found


def main() -> None:
    for one in all_default():
        wide = one.count("LDG.E.128", "LDGSTS.E.BYPASS.128", "LDGSTS.E.128")
        loads = one.count("LDG", "LDGSTS")
        print(
            f"{one.name:<14} {one.registers:>4} registers {one.spilled:>4} B stack "
            f"{one.shared:>7} B shared  HGMMA {one.count('HGMMA'):>3}  "
            f"HMMA {one.count('HMMA'):>3}  "
            f"loads {loads:>3}, of 16 bytes {wide:>3}  shared loads {one.count('LDS', 'LDSM'):>3}  "
            f"in all {sum(one.code.values())}"
        )


if __name__ == "__main__":
    main()
