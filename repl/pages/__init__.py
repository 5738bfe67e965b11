"""Longer texts shown on request: session lists and transcripts."""
