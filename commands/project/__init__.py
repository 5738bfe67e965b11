"""Instructions and commands from files of the user and of trusted projects."""
