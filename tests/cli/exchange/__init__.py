"""Tests of ``aloop.cli.exchange``."""
