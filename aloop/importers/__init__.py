"""Read conversations of other tools, and write them as aloop sessions."""
