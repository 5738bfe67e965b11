"""Search the text of all sessions."""
