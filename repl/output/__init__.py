"""Output to the terminal: rendering, styles, widths and the pager."""
