"""Instructions, skills and commands of the user and of trusted projects."""
