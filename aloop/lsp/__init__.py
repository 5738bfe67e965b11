"""The language server for session files in editors, ``aloop lsp``."""
