"""What an admin sees: read-only, one noun a file."""
