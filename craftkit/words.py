"""Words that depend on what they name.  Pure: imports nothing of craftkit."""

from __future__ import annotations


def count(number: int, one: str, many: str = "") -> str:
    """`1 task`, `2 tasks`; `many` where an s at the end is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def typed(ref: str) -> str:
    """A task's name as a command has it: to a shell a word that begins with `#` is a comment."""
    return f'"{ref}"' if ref.startswith("#") else ref
