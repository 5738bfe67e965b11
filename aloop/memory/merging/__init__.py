"""Merge two versions of one session, as a git merge driver needs it."""
