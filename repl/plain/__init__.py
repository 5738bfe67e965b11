"""The plain prompt, for screen readers and simple terminals."""
