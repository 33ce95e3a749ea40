"""Slack's agent surface: the pane, the home tab, and asking about a message."""
