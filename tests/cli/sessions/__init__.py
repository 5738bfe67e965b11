"""Tests of ``aloop.cli.sessions``."""
