"""These tests run Triton's kernels on the CPU, by its interpreter.

Triton decides for the interpreter when it is imported, and then can compile nothing. So `make test`
runs this folder by itself, with TRITON_INTERPRET=1, and any other run leaves it alone. Where there
is an NVIDIA GPU the same tests run on it, without that.
"""

from __future__ import annotations

import os

import torch

_RUNS = os.environ.get("TRITON_INTERPRET") == "1" or torch.cuda.is_available()

collect_ignore_glob = [] if _RUNS else ["test_*.py"]
