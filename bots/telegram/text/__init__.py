"""The model's Markdown as Telegram shows it, cut where it must be."""
