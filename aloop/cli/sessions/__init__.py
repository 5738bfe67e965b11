"""``aloop sessions`` and ``aloop notes``, and the printed form of sessions."""
