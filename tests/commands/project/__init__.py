"""Tests of instructions and commands from files."""
