"""Tools that keep their conversations in SQLite: one module for each."""
