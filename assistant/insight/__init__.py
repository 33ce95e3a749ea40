"""What an admin sees: read alone, one noun a file."""
