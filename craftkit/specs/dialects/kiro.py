"""Kiro's `tasks.md`: numbered tasks with numbered parts, `[-]` in progress, `[ ]*` optional."""

from __future__ import annotations

from .base import NUMBER_KEY, Dialect, kiro_line, next_number

KIRO = Dialect(
    name="kiro",
    patterns=(".kiro/specs/*/tasks.md",),
    key=NUMBER_KEY,
    started="-",
    start_mark="-",
    nested_keys=True,
    optional_star=True,
    wants_keys=True,
    next_key=next_number,
    new_line=kiro_line,
)
