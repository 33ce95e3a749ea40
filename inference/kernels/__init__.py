"""Our kernels. They import torch and triton alone."""
