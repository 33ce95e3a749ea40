"""The model: the engine port, its implementations, profiles, the demo model, the vLLM plugin."""
