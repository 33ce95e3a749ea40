"""What needs a GPU, in one script: `make gpu-check`.

It imports torch, triton and our kernels alone, since a bare GPU machine has no more, and downloads
nothing: weights are random, of the true shapes.

    shapes.py    the layers' sizes, and random experts of them
    timing.py    a run's time on the device, with nothing of it in the cache before
    roof.py      what the card can do at best: copying, and multiplying
    right.py     our kernels against the naive layer
    layer.py     the layer's time over the number of tokens, against the roof
    report.py    the table, and the file that it is written to
"""
