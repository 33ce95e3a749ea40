"""The admin dashboard, at /admin."""
