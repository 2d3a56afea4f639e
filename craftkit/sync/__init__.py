"""Deciding what spec and GitHub need, and carrying it out."""
