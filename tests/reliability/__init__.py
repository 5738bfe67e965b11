"""Data safety under kills, power cuts, disk errors, hand edits and wrong clocks.

``python -m tests.reliability`` prints a table of quick trials; ``--full`` runs all cases. test_trials runs the quick
form of each.
"""
