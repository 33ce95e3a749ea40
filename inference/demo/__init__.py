"""The demo model: SmolLM2-135M-Instruct recast as a Llama 4 mixture of experts."""
