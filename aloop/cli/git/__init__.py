"""Sessions in git: the merge driver, and its setup."""
