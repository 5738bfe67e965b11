"""The input line: keys, pastes, history and the external editor."""
