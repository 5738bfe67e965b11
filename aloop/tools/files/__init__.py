"""Tools that list, search, read and write files in the working directory."""
