"""`outrider eval`: tasks of lm-eval, asked of the running Outrider over its public API."""
