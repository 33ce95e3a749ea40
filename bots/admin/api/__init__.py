"""The dashboard for programs: JSON under /v1/admin."""
