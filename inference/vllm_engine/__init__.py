"""vLLM in our own process: how it is started, watched, asked and read.

This file imports nothing: vLLM loads `plugin.py` in each of its processes.
"""
