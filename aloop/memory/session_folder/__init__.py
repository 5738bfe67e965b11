"""One session on disk: its file, journal, outputs, drafts and undone turns."""
