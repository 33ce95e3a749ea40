"""What a model needs of a card, worked out before anything is loaded. Arithmetic, no torch.

    sources.py       where a model's config.json is, or its facts where no file is here
    architecture.py  config.json → the layers that are built
    quantization.py  quantization_config → the bytes of a matrix
    weights.py       the bytes of all weights by part, whole and on each card
    cache.py         the bytes of the KV cache for so many tokens
    cards.py         cards by name or size; memory.py: those of this machine
    reserve.py       what a step needs beside weights and cache
    roofline.py      the most tokens a second that the card's bandwidth allows
    serving.py       what of a profile matters here
    planning.py      all of it: the Plan, whether it fits, and what would
    on_cpu.py        the KV cache and the steps that vLLM is told to make on a CPU
    require.py       refuses a start that can't fit
    measured.py      what the engine says of itself; compare.py: where it differs from the plan

All sizes are in bytes, one GiB is 2**30 of them.
"""
