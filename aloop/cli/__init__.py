"""The command line: arguments, subcommands and what they print."""
