"""Files that people send: what is read of them, and what a prompt shows."""
