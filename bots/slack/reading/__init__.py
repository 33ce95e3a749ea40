"""What Slack sends, read: messages, files, threads."""
