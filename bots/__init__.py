"""What people touch: channels, web chat, public API, command line, and the composition root."""
