"""Postgres: the tables, their version, and what one replica alone may do."""
