"""The use-cases: one function for each command."""
