"""Details of messages: times, permissions and changed files."""
