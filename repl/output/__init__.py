"""Output to the terminal: styles, Markdown, live rows and the pager."""
