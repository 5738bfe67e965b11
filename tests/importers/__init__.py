"""Tests of ``aloop.importers``."""
