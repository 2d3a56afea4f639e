"""GitHub: the one door to it, behind a small protocol."""
