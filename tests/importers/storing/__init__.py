"""Tests of ``aloop.importers.storing``."""
