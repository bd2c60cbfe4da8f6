"""Numbers to Markdown, JSON and CSV."""
