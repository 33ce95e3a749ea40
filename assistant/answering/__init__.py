"""Turns and their answers: what the model is asked, and what becomes of it."""
