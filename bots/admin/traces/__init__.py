"""The trace of a turn: its page, its prompt, and asking it again beside."""
