"""Export a session into the store of another agent, which can then resume it."""
