"""What an admin sees: read from Postgres and from what processes say of themselves."""
