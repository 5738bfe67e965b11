"""Commands: interpret typed lines and report to a View, never to a terminal."""
