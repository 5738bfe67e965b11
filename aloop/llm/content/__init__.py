"""Content of messages besides text: images, documents, permissions, changed files."""
