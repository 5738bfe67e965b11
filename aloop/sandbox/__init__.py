"""The sandbox of the system for commands: bubblewrap on Linux, Seatbelt on macOS."""
