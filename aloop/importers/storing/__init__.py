"""Write imported conversations as sessions, each only once."""
