"""Our kernels against the naive layer."""
