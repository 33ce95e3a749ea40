"""Installing the app in workspaces, and which of them something belongs to."""
