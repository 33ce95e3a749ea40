"""A plan as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from inference.plan.cards import GIB
from inference.plan.planning import Plan, gib
from inference.plan.roofline import Step

ARITHMETIC = "All of this is arithmetic; nothing was measured."
BOUND = "The roofline is a bound by the card's bandwidth, which no kernel quite reaches."


def tables(plan: Plan, ways: Sequence[str], place: str) -> Iterator[RenderableType]:
    """The parts of the answer, in their order."""
    yield Text(_headline(plan))
    yield Text(f"Config: {place}.", style="dim")
    yield _verdict(plan, ways)
    yield _weights(plan)
    yield _memory(plan)
    yield _cache(plan)
    if plan.cache_bytes > 0:
        yield _conversations(plan)
        yield Text(f"At most {plan.max_num_seqs} are decoded together.", style="dim")
    if plan.card.bandwidth is not None:
        yield _roofline(plan)
        yield Text(BOUND, style="dim")
    yield Text(ARITHMETIC, style="dim")


def _headline(plan: Plan) -> str:
    count, card = plan.parallel.cards, plan.card
    speed = f", {card.bandwidth / 1e12:.2f} TB/s" if card.bandwidth else ""
    where = f"{count} × {card.name}" if card.is_gpu else card.name
    stored = f" in {plan.quantization}" if plan.quantization else ""
    return f"{plan.profile}: {plan.model}{stored} on {where} ({gib(card.memory_bytes)}{speed})"


def _verdict(plan: Plan, ways: Sequence[str]) -> RenderableType:
    if plan.fits:
        return Text(
            f"It fits, with conversations of up to {plan.max_model_len:,} tokens. One alone could "
            f"have {plan.longest_tokens:,}; the model's own limit is {plan.model_longest:,}.",
            style="green",
        )
    would = f" What would fit: {'; '.join(ways)}." if ways else ""
    return Text(f"It does not fit. {plan.reason}{would}", style="bold red")


def _table(title: str, *columns: str) -> Table:
    named = any(columns)
    box = SIMPLE_HEAD if named else None
    table = Table(title=title, title_justify="left", box=box, pad_edge=False, show_header=named)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right")
    return table


def _weights(plan: Plan) -> RenderableType:
    several = plan.parallel.cards > 1
    table = _table("Weights", "", *(["whole", "on a card"] if several else [""]))
    for part, total in plan.weights.total.items():
        if total:
            held = [_size(plan.weights.card[part])] if several else []
            table.add_row(part, _size(total), *held)
    sums = [_size(plan.weights.card_bytes)] if several else []
    table.add_row("together", _size(plan.weights.total_bytes), *sums, style="bold")
    return _spaced(table)


def _memory(plan: Plan) -> RenderableType:
    reserve = plan.reserve
    table = _table("Memory of each card" if plan.parallel.cards > 1 else "Memory", "", "")
    for label, size in (
        ("can be used", plan.room_bytes),
        ("weights", plan.weights.card_bytes),
        ("a step's tensors", reserve.activations),
        ("an image's tensors", reserve.images),
        ("CUDA graphs (allowance)", reserve.graphs),
        ("CUDA and libraries (allowance)", reserve.context),
    ):
        if size:
            table.add_row(label, _size(size))
    table.add_row("KV cache", _size(plan.cache_bytes), style="bold")
    return _spaced(table)


def _cache(plan: Plan) -> RenderableType:
    """Both ways where they differ: vLLM has the hybrid one on GPUs alone."""
    both = plan.card.is_gpu and plan.hybrid_cache.window_bytes
    title = "KV cache on each card" if plan.parallel.cards > 1 else "KV cache"
    table = _table(title, "", "of a token", "of the local layers' windows")
    for cache in (plan.full_cache, plan.hybrid_cache) if both else (plan.cache,):
        kind = "hybrid" if cache.hybrid and both else "full"
        used = " (in use)" if both and cache.hybrid == plan.cache.hybrid else ""
        window = _size(cache.window_bytes) if cache.window_bytes else "–"
        table.add_row(kind + used, f"{cache.token_bytes:,} bytes", window)
    return _spaced(table)


def _conversations(plan: Plan) -> RenderableType:
    table = _table("Conversations at once", "tokens", "KV cache of each", "have room")
    for one in plan.conversations:
        table.add_row(f"{one.tokens:,}", _size(one.each_bytes), f"{one.at_once:,}")
    return _spaced(table)


def _roofline(plan: Plan) -> RenderableType:
    experts = any(step.distinct_experts for step in plan.short_steps)
    table = _table(
        "Decode roofline",
        "batch",
        *(["experts read"] if experts else []),
        "weights read",
        "tokens/s",
        f"tokens/s at {plan.max_model_len:,}",
    )
    for short, long in zip(plan.short_steps, plan.long_steps, strict=True):
        read = [f"{short.distinct_experts:.1f}"] if experts else []
        room = long.batch * plan.cache.bytes_of(plan.max_model_len) <= plan.cache_bytes
        at_length = _speed(long) if room else "no room"
        weights = f"{short.weight_bytes / 1e9:.2f} GB"
        table.add_row(str(short.batch), *read, weights, _speed(short), at_length)
    return _spaced(table)


def _speed(step: Step) -> str:
    return f"{step.tokens_per_second:,.0f}" if step.tokens_per_second else "–"


def _size(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if abs(size) >= GIB / 10 else f"{size / (1 << 20):.2f} MiB"


def _spaced(table: Table) -> RenderableType:
    return Padding(table, (1, 0, 0, 0), expand=False)
