"""The session picker of /resume."""
