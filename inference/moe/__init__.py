"""Our layer in place of vLLM's routed experts: which computes them, from what, and the proof."""
