"""Replicas of a profile as a Ray Serve application, behind the `Engine` port."""
