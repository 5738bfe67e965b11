"""Tests of the language server, which need the optional package pygls."""
