"""Signing in by another: OpenID Connect, with groups that are worth roles."""
