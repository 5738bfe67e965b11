"""The folder of all sessions: catalog, index, trash and check."""
