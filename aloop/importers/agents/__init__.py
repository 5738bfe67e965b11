"""Conversations of coding agents: one module for each."""
