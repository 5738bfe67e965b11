"""The sandbox for commands."""
