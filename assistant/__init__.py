"""The conversation service: intake, turns, context, delivery, and their storage."""
