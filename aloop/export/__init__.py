"""Export a session as one document: Markdown, HTML or JSON."""
