"""The first screen, painted before prompt_toolkit is imported."""
