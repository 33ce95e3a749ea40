"""People and access: who they are, who may talk, and how much."""
