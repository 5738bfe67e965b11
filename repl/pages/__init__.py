"""Pages that commands show: lists, transcripts and counts."""
