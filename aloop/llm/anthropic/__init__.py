"""The Anthropic provider: the only importer of the anthropic SDK."""
