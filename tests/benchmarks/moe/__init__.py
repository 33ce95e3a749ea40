"""The routed experts of one layer: ours beside others', and beside what the card can do.

    python -m tests.benchmarks.moe

It imports torch, triton and our kernels alone. Others' kernels are loaded from where they are
said to be, and one that can't be had is named with its reason. Weights are random, and every
provider computes the same layer from them: a row says how far it is from the naive one.

    shapes.py       the layers' sizes, and the fewest bytes and operations
    weights.py      random experts of that size, in int4 as a model's files have them
    questions.py    tokens and their routing, and the right answer
    timing.py       a call's time on the device, with no weight in the cache before
    roof.py         what the card does at best: copying, and multiplying
    providers.py    who computes: ours.py, grouped.py, marlin.py, vllm_triton.py
    measuring.py    one row for each provider and question
    rows.py         the CSV
    picture.py      the picture, made of the CSV's rows: scales.py, palette.py
    card.py         where it was measured, with what
"""
