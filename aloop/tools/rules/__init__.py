"""Rules about what tools may do, which the user writes or accepts."""
