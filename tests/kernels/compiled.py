"""Compile our kernels for Hopper without a GPU, and read what came out.

    python -m tests.kernels.compiled

prints a table: registers, spilled bytes, shared memory, and the machine's instructions that
matter: HGMMA and HMMA (tensor core), loads from memory of 16 bytes and narrower, and the loop's
length for each code of a program's tile.
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
from inference.kernels.moe.tables import SHIPPED, read_table
from inference.kernels.moe.tiling import ANY_NUMBER, DEFAULT, Cut, Tiling

KERNELS = {"gate_up": gate_up_kernel, "down": down_kernel}
TARGET = GPUTarget("cuda", 90, 32)
_BINARIES = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_POINTERS = {
    "x": "*bf16",
    "act": "*bf16",
    "out": "*bf16",
    "weights": "*fp32",
    "ids": "*i64",
    "calls": "*i64",
    "order": "*i32",
    "offsets": "*i32",
    "scales": "*bf16",
    "zeros": "*fp32",
    "partial": "*fp32",
    "arrived": "*i32",
    "downs_arrived": "*i32",
}
_TILES = {"int4": "*i32", "fp8": "*fp8e4nv", "plain": "*bf16"}


@dataclass(frozen=True, slots=True)
class Compiled:
    """`spilled` in bytes of a thread's local memory; `shared` in bytes of a block; `code`: how
    often each instruction stands in the machine code; `loop`: how many instructions stand in the
    loop that multiplies."""

    name: str
    registers: int
    spilled: int
    shared: int
    code: Mapping[str, int]
    loop: int

    def count(self, *prefixes: str) -> int:
        return sum(n for name, n in self.code.items() if name.startswith(prefixes))


def compiled(
    kernel: Any,
    name: str,
    form: str,
    tiling: Tiling,
    *,
    experts: int = 16,
    ones: Sequence[str] = (),
) -> Compiled:
    """For Scout's shapes: numbers that a launch passes are known to divide by 16.

    `ones`: numbers that are 1, which Triton compiles in where the kernel lets it.
    """
    cut: Cut = getattr(tiling, name)
    names: Sequence[str] = kernel.arg_names
    free = {
        kernel.params[at].name for at in range(len(names)) if kernel.params[at].do_not_specialize
    }
    given: dict[str, Any] = {
        "E": triton.next_power_of_2(experts + 1),
        "FORMAT": form,
        "HAS_ZEROS": False,
        "HAS_CALLS": True,
        "ROWS": cut.rows,
        "TOKENS": cut.tokens,
        "EVEN": True,
        "SPLITS": cut.splits,
        "DIRECT": tiling.direct,
        "OVERLAP": tiling.overlap,
        **{one: 1 for one in ones if one not in free},
    }
    constants = {one: value for one, value in given.items() if one in names}
    signature = {one: _type(one, form, constants) for one in names}
    loose = free | constants.keys()
    attributes = {
        (at,): [["tt.divisibility", 16]] for at, one in enumerate(names) if one not in loose
    }
    source = ASTSource(kernel, signature, constants, attributes)
    options = {"num_warps": cut.warps, "num_stages": cut.stages, "launch_pdl": tiling.overlap}
    made = triton.compile(source, target=TARGET, options=options)
    lines = _lines(made.asm["cubin"])
    return Compiled(
        name, *_resources(made.asm["cubin"]), made.metadata.shared, _counts(lines), _loop(lines)
    )


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


def _lines(cubin: bytes) -> Sequence[str]:
    return _run("nvdisasm", "-c", cubin).splitlines()


def _instruction(line: str) -> str | None:
    found = re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\d+ )?([A-Z][A-Z0-9_.]+)", line)
    return found[1] if found else None


def _counts(lines: Sequence[str]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for line in lines:
        if name := _instruction(line):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _loop(lines: Sequence[str]) -> int:
    """Between a label and the jump back to it, where tensor cores multiply (HGMMA)."""
    labels: dict[str, int] = {}
    longest = 0
    for at, line in enumerate(lines):
        if found := re.match(r"\s*(\.L_x_\d+):", line):
            labels[found[1]] = at
        back = re.search(r"BRA.*`\((\.L_x_\d+)\)", line)
        if back and back[1] in labels:
            body = [_instruction(one) for one in lines[labels[back[1]] : at + 1]]
            if any(name and name.startswith("HGMMA") for name in body):
                longest = max(longest, sum(name is not None for name in body))
    return longest


def _run(program: str, option: str, cubin: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [str(_BINARIES / program), option, file.name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def shipped() -> Mapping[str, Sequence[Tiling]]:
    """The default table, and those of the cards."""
    cards = {path.stem: read_table(path, path.stem.upper()) for path in SHIPPED.glob("*.json")}
    return {"default": DEFAULT, **{name: one.tilings for name, one in sorted(cards.items())}}


def main() -> None:
    for table, tilings in shipped().items():
        for tiling in tilings:
            upto = f"{tiling.most_tokens}" if tiling.most_tokens < ANY_NUMBER else "more"
            for name, kernel in KERNELS.items():
                cut: Cut = getattr(tiling, name)
                made = compiled(kernel, name, "int4", tiling)
                print(f"{table:<8} {upto:>4} {_line(made, cut)}")


def _line(one: Compiled, cut: Cut) -> str:
    wide = one.count("LDG.E.128", "LDGSTS.E.BYPASS.128", "LDGSTS.E.128")
    codes = cut.rows * 128 // (cut.warps * 32)
    return (
        f"{one.name:<8} {one.registers:>4} registers {one.spilled:>3} B stack "
        f"{one.shared:>7} B shared  HGMMA {one.count('HGMMA'):>3} HMMA {one.count('HMMA'):>2}  "
        f"copies {one.count('LDG', 'LDGSTS'):>3}, of 16 bytes {wide:>3}  "
        f"loop {one.loop:>4}: {one.loop / codes:.2f} a code  in all {sum(one.code.values())}"
    )


if __name__ == "__main__":
    main()
