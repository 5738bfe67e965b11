"""System calls and locks."""
