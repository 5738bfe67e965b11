"""What a line typed at the prompt means; speaks to a View, never to a terminal."""
