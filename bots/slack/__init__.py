"""Slack: Socket Mode and signed HTTP events in, the Web API out."""
