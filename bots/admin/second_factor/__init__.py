"""The second factor: codes of a device, and recovery codes for who has lost it."""
