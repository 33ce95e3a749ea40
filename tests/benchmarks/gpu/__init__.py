"""What needs a GPU, in one command of under eight minutes: `make gpu-check`.

It imports torch, triton and our kernels alone, since a bare GPU machine has no more, and downloads
nothing. Each step is a process of its own: one that crashes, hangs or spoils the device takes none
of the others with it, and what it found by then stands in its files.

    steps.py     what is done, in the order in which it matters
    right.py     our kernels against the naive layer; how stock vLLM's call of Marlin weights
    cases.py     what that found, as a CSV
    report.py    the page for people, of all that was found

How fast they are is measured by tests/benchmarks/moe.
"""
