"""craftkit's own spec files: front matter and a `## Tasks` section."""

from __future__ import annotations

from .base import T_OR_DOTTED_KEY, Dialect, next_t_or_number

CRAFTKIT = Dialect(
    name="craftkit",
    patterns=("specs/*.md",),
    key=T_OR_DOTTED_KEY,
    whole_file=False,
    has_metadata=True,
    next_key=next_t_or_number,
)
