"""All sessions: catalog, index, trash and check."""
