"""Coding agents: what their hooks hear and answer, and what is installed for them."""
