"""The dialects of spec files: one row each, in the order in which their path patterns are tried."""

from __future__ import annotations

from .base import (
    NUMBER_KEY,
    T_KEY,
    T_OR_DOTTED_KEY,
    Dialect,
    kiro_line,
    next_number,
    next_t_key,
    next_t_or_number,
)

_ROWS = (
    # Numbered tasks with numbered parts, `[-]` in progress, `[ ]*` optional.
    Dialect(
        name="kiro",
        patterns=(".kiro/specs/*/tasks.md",),
        key=NUMBER_KEY,
        started=frozenset("-"),
        start_mark="-",
        list_numbers=True,
        flat_parts=True,
        optional_star=True,
        wants_keys=True,
        next_key=next_number,
        new_line=kiro_line,
    ),
    # Numbered groups as headings, numbered tasks below them.
    Dialect(
        name="openspec",
        patterns=("openspec/changes/*/tasks.md",),
        key=NUMBER_KEY,
        wants_keys=True,
        next_key=next_number,
    ),
    # Both generations: bold Japanese metadata, or front matter.
    Dialect(
        name="cc-craft-kit",
        patterns=(".cc-craft-kit/specs/*.md",),
        key=T_KEY,
        whole_file=False,
        has_metadata=True,
        section="## 実装タスクリスト",
    ),
    # T-keys, `[P]` for parallel, `[US1]` for the user story.
    Dialect(
        name="spec-kit",
        patterns=("specs/*/tasks.md", ".specify/specs/*/tasks.md"),
        key=T_KEY,
        done_mark="X",
        wants_keys=True,
        next_key=next_t_key,
    ),
    # Front matter and a `## Tasks` section.
    Dialect(
        name="craftkit",
        patterns=("specs/*.md",),
        key=T_OR_DOTTED_KEY,
        whole_file=False,
        has_metadata=True,
        next_key=next_t_or_number,
    ),
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ROWS}

__all__ = ["DIALECTS", "Dialect"]
