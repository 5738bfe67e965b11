"""Conversations of chat programs and their exports: one module for each."""
