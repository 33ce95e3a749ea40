"""The bytes of a model's weights by part: whole, and on the card that holds most of them.

    tensor parallel     a matrix is cut by its output (q, k, v, gate, up, embedding) or its input
                        (o, down); KV heads are repeated where there are fewer than cards
    expert parallel     experts are dealt out whole, among the same cards
    pipeline parallel   the layers are cut into stages; the embedding is in the first, the head in
                        the last
    on each             router, norms, the table of rotary embeddings

Source: vllm/model_executor/models/llama4.py, layers/linear.py, layers/rotary_embedding/base.py,
distributed/utils.py `get_pp_indices` @ 0.32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from inference.errors import PlanRefused
from inference.plan.architecture import Architecture, Layer, Vision
from inference.plan.quantization import Quantization

Part = Literal[
    "embedding",
    "attention",
    "router",
    "shared expert",
    "routed experts",
    "dense MLP",
    "norms",
    "rotary table",
    "lm_head",
    "vision",
]
Cut = Literal["rows", "columns", "kv", "none"]

PARTS: tuple[Part, ...] = (
    "embedding",
    "attention",
    "router",
    "shared expert",
    "routed experts",
    "dense MLP",
    "norms",
    "rotary table",
    "lm_head",
    "vision",
)
_VOCABULARY_STEP = 64  # vLLM pads the vocabulary to a multiple of it
_MOST_CARDS = 1_024  # that anybody puts together; a config.json may name any number of heads
_FIRST, _LAST = -1, -2  # stages, where a matrix is no layer's


@dataclass(frozen=True, slots=True)
class Parallel:
    """`tensor` × `pipeline` cards hold one model."""

    tensor: int = 1
    pipeline: int = 1
    expert: bool = False

    @property
    def cards(self) -> int:
        return self.tensor * self.pipeline


@dataclass(frozen=True, slots=True)
class Matrix:
    """`count` equal matrices of (rows, columns). `layer`: which, or the first or last stage.

    `name` is the linear layer's in the checkpoint; "" for what is never quantized.
    """

    part: Part
    layer: int
    name: str
    rows: int
    columns: int
    cut: Cut = "none"
    count: int = 1
    bias: bool = False
    head: int = 1  # rows of a KV head, which is never cut


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes by part. `card`: on each card of the stage that has most. `chain`: on one card of each
    stage together, which a token passes one after the other.
    """

    total: dict[Part, int]
    card: dict[Part, int]
    chain: dict[Part, int]

    @property
    def total_bytes(self) -> int:
        return sum(self.total.values())

    @property
    def card_bytes(self) -> int:
        return sum(self.card.values())


def weigh(
    model: Architecture, quantization: Quantization, parallel: Parallel, positions: int
) -> Weights:
    """`positions`: how many the table of rotary embeddings is made for.

    Raises PlanRefused where the model can't be cut so.
    """
    require_divisible(model, parallel)
    matrices = tuple(inventory(model, positions))
    held = [
        summed(on_stage(matrices, layers, parallel, stage), quantization, parallel)
        for stage, layers in enumerate(stages(len(model.layers), parallel))
    ]
    return Weights(
        total=summed(matrices, quantization, Parallel()),
        card=max(held, key=lambda parts: sum(parts.values())),
        chain=summed(matrices, quantization, Parallel(parallel.tensor, 1, parallel.expert)),
    )


def summed(
    matrices: Sequence[Matrix], quantization: Quantization, parallel: Parallel
) -> dict[Part, int]:
    """The bytes of each part on one of the cards that share these matrices."""
    parts: dict[Part, int] = dict.fromkeys(PARTS, 0)
    for matrix in matrices:
        parts[matrix.part] += bytes_of(matrix, quantization, parallel)
    return parts


def bytes_of(matrix: Matrix, quantization: Quantization, parallel: Parallel) -> int:
    held = _held(matrix, parallel)
    scheme = quantization.plain
    if held.name:
        scheme = quantization.scheme_of(held.name)
    biases = quantization.plain.bytes_of(held.rows, 1) if held.bias else 0
    return held.count * (scheme.bytes_of(held.rows, held.columns) + biases)


def inventory(model: Architecture, positions: int) -> Iterator[Matrix]:
    """All that vLLM loads or makes of the model, in the order of its layers."""
    padded = ceil(model.vocabulary / _VOCABULARY_STEP) * _VOCABULARY_STEP
    yield Matrix("embedding", _FIRST, "", padded, model.hidden, "rows")
    for index, layer in enumerate(model.layers):
        prefix = f"{model.prefix}model.layers.{index}"
        yield from _attention(model, index, f"{prefix}.self_attn")
        yield from _feed_forward(model, layer, index, f"{prefix}.{model.mlp}")
        yield Matrix("norms", index, "", 2, model.hidden)
    yield Matrix("norms", _LAST, "", 1, model.hidden)
    if not model.tied:
        yield Matrix("lm_head", _LAST, f"{model.prefix}lm_head", padded, model.hidden, "rows")
    # One table for all layers, on each card.
    yield Matrix("rotary table", 0, "", positions, model.head_dim)
    if model.vision is not None:
        yield from _vision(model.vision, model.hidden)


def _attention(model: Architecture, index: int, prefix: str) -> Iterator[Matrix]:
    hidden, head, bias = model.hidden, model.head_dim, model.qkv_bias
    wide, narrow = model.heads * head, model.kv_heads * head
    yield Matrix("attention", index, f"{prefix}.q_proj", wide, hidden, "rows", bias=bias)
    for name in ("k_proj", "v_proj"):
        yield Matrix(
            "attention", index, f"{prefix}.{name}", narrow, hidden, "kv", bias=bias, head=head
        )
    yield Matrix("attention", index, f"{prefix}.o_proj", hidden, wide, "columns")


def _feed_forward(model: Architecture, layer: Layer, index: int, prefix: str) -> Iterator[Matrix]:
    experts = layer.experts
    if experts is None:
        yield from _mlp("dense MLP", index, prefix, model.hidden, layer.intermediate)
        return
    yield Matrix("router", index, "", experts.count, model.hidden)
    if experts.shared:
        yield from _mlp(
            "shared expert", index, f"{prefix}.shared_expert", model.hidden, experts.shared
        )
    # All experts of a layer are stored alike: the first one's name stands for them.
    first = f"{prefix}.experts.0"
    for matrix in _mlp("routed experts", index, first, model.hidden, experts.intermediate):
        yield replace(matrix, count=experts.count)


def _mlp(part: Part, index: int, prefix: str, hidden: int, wide: int) -> Iterator[Matrix]:
    for name in ("gate_proj", "up_proj"):
        yield Matrix(part, index, f"{prefix}.{name}", wide, hidden, "rows")
    yield Matrix(part, index, f"{prefix}.down_proj", hidden, wide, "columns")


def _vision(vision: Vision, text_hidden: int) -> Iterator[Matrix]:
    """vLLM loads the tower, its adapter and the projector without quantization."""
    wide, layers = vision.hidden, vision.layers

    def plain(rows: int, columns: int, cut: Cut, count: int = 1, *, bias: bool = False) -> Matrix:
        return Matrix("vision", _FIRST, "", rows, columns, cut, count, bias)

    yield plain(wide, wide, "rows", 3 * layers, bias=True)  # q, k, v
    yield plain(wide, wide, "columns", layers, bias=True)
    yield plain(vision.intermediate, wide, "rows", layers, bias=True)
    yield plain(wide, vision.intermediate, "columns", layers, bias=True)
    yield plain(4, wide, "none", layers)  # two norms with biases
    yield plain(wide, vision.patch_values, "rows")
    # The class embedding, a position for each patch and for it, and two norms with biases.
    yield plain(1 + vision.patches + 1 + 4, wide, "none")
    yield plain(vision.adapter, vision.intermediate, "rows")
    yield plain(vision.adapter_output, vision.adapter, "columns")
    yield plain(text_hidden, vision.output, "rows")


def _held(matrix: Matrix, parallel: Parallel) -> Matrix:
    """What of it one card holds."""
    cards = parallel.tensor
    if matrix.part == "routed experts" and parallel.expert:
        return replace(matrix, count=ceil(matrix.count / cards))
    if matrix.cut == "kv":
        heads = matrix.rows // matrix.head
        return replace(matrix, rows=max(heads // cards, 1) * matrix.head)
    if matrix.cut == "rows":
        return replace(matrix, rows=ceil(matrix.rows / cards))
    if matrix.cut == "columns":
        return replace(matrix, columns=ceil(matrix.columns / cards))
    return matrix


def kv_heads_held(model: Architecture, parallel: Parallel) -> int:
    """On each card: one at least, so that more cards than heads hold copies."""
    return max(model.kv_heads // parallel.tensor, 1)


def stages(layers: int, parallel: Parallel) -> tuple[range, ...]:
    """The layers of each stage. What is left over goes to the middle ones, as vLLM has it."""
    count = parallel.pipeline
    sizes = [layers // count] * count
    for back in range(2, layers % count + 2):
        sizes[-back] += 1
    ends = [sum(sizes[: index + 1]) for index in range(count)]
    return tuple(range(end - size, end) for end, size in zip(ends, sizes, strict=True))


def on_stage(
    matrices: Sequence[Matrix], layers: range, parallel: Parallel, stage: int
) -> tuple[Matrix, ...]:
    """The matrices of a stage; the rotary table and the like stand on each."""

    def here(matrix: Matrix) -> bool:
        if matrix.part == "rotary table":
            return True
        if matrix.layer == _FIRST:
            return stage == 0
        if matrix.layer == _LAST:
            return stage == parallel.pipeline - 1
        return matrix.layer in layers

    return tuple(filter(here, matrices))


def require_divisible(model: Architecture, parallel: Parallel) -> None:
    """Raises PlanRefused where vLLM would refuse to cut the model so."""
    cards, stage_count = parallel.tensor, parallel.pipeline
    if cards < 1 or stage_count < 1:
        raise PlanRefused("A model needs one card at least: give --cards 1 or more.")
    if cards not in (possible := possible_cards(model)):
        raise PlanRefused(
            f"{cards} cards can't share this model's {model.heads} attention heads and "
            f"{model.kv_heads} KV heads: choose one of {', '.join(map(str, possible))}."
        )
    if stage_count > len(model.layers):
        raise PlanRefused(
            f"{stage_count} stages are more than the model's {len(model.layers)} layers."
        )


def possible_cards(model: Architecture) -> tuple[int, ...]:
    """How many may share each layer: heads are dealt out evenly, KV heads or copies of them too."""
    heads, kv_heads = model.heads, model.kv_heads
    return tuple(
        cards
        for cards in range(1, min(heads, _MOST_CARDS) + 1)
        if heads % cards == 0 and 0 in (kv_heads % cards, cards % kv_heads)
    )
