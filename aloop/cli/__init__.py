"""The command line: the argument parser and the subcommands."""
