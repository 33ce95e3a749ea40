"""The page for people."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.gpu.cases import Case, told
from tests.benchmarks.moe.rows import COPY, Row, absences


def rendered(cases: Sequence[Case], rows: Sequence[Row], troubles: Sequence[str]) -> str:
    cards = list(dict.fromkeys(row.card.line for row in rows))
    head = [f"# {rows[0].card.card}" if rows else "# GPU check", "", *(f"{one}." for one in cards)]
    return "\n".join([*head, "", *_right(cases), *_fast(rows), *_troubles(troubles, rows)])


def _right(cases: Sequence[Case]) -> list[str]:
    return [
        "## Right?",
        "",
        "Ours against the naive layer in float64, each ninth token's expert on another rank; twice "
        "with equal bits; in a CUDA graph that was captured for another routing; counted on the "
        "device.",
        "",
        "| what | tokens | error | equal bits | in a graph | counted | right |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.what} | {one.tokens} | {_error(one)} | {told(one.equal_bits)} | "
            f"{told(one.in_graph)} | {told(one.counted)} | {_verdict(one)} |"
            for one in cases
        ),
        "",
    ]


def _error(case: Case) -> str:
    return case.why_not if case.error is None else f"{case.error:.1e}"


def _verdict(case: Case) -> str:
    if case.right:
        return "yes"
    if case.unknown:
        return told(None)
    return "**no**" if case.matters else "no"


def _fast(rows: Sequence[Row]) -> list[str]:
    timed = [row for row in rows if row.p50_us is not None]
    return [
        "## How fast?",
        "",
        *(_roofs(timed[-1]) if timed else []),
        "One layer's routed experts with cold weights, replayed in a CUDA graph. The roof is the "
        "larger of a copy of the int4 bytes, and the operations at the tensor cores' peak. The "
        "shares are of the large copy's bandwidth, by each one's own bytes, and of that peak.",
        "",
        "| layer | routing | who | tokens | experts met | p20 µs | p50 µs | p80 µs | roof µs "
        "| bandwidth | tensor cores | error |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.layer} | {row.routing} | {row.label} | {row.tokens} | {row.experts_met} | "
            f"{row.p20_us:,.1f} | {row.p50_us:,.1f} | {row.p80_us:,.1f} | {row.roof_us:,.1f} | "
            f"{_share(row.share_bandwidth)} | {_share(row.share_tensor)} | {_far(row)} |"
            for row in timed
        ),
        "",
    ]


def _roofs(row: Row) -> list[str]:
    return [
        f"A large copy moves {row.copy_gbs:,.0f} GB/s, read and written; a product of bf16 "
        f"reaches {row.peak_tflops:,.1f} TFLOP/s.",
        "",
    ]


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _far(row: Row) -> str:
    if row.error is None or row.provider == COPY:
        return ""
    return f"**{row.error:.1e}**" if row.wrong else f"{row.error:.1e}"


def _troubles(troubles: Sequence[str], rows: Sequence[Row]) -> list[str]:
    lines = [*troubles, *(f"no time for {who}" for who in absences(rows))]
    return ["## What is missing", "", *(f"- {line}" for line in lines), ""] if lines else []
