"""Replies on their way to a platform, within what it takes."""
