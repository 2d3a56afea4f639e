"""OpenSpec's `tasks.md`: numbered groups as headings, numbered tasks below them."""

from __future__ import annotations

from .base import NUMBER_KEY, Dialect, next_number

OPENSPEC = Dialect(
    name="openspec",
    patterns=("openspec/changes/*/tasks.md",),
    key=NUMBER_KEY,
    wants_keys=True,
    next_key=next_number,
)
