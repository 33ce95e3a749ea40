"""The web chat: one page, its stream of rendered replies, and nothing that needs a build step."""
