"""A small OpenID Connect provider over real HTTP, with signed ID tokens."""
