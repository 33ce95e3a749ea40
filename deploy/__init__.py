"""How Outrider gets onto a machine: `python -m deploy [cpu] [dev]`, for the Makefile."""
