"""``aloop import`` and ``aloop export``: conversations of other tools, in and out."""
