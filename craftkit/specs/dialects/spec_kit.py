"""spec-kit's `tasks.md`: T-keys, `[P]` for parallel, `[US1]` for the user story."""

from __future__ import annotations

from .base import T_KEY, Dialect, next_t_key

SPEC_KIT = Dialect(
    name="spec-kit",
    patterns=("specs/*/tasks.md",),
    key=T_KEY,
    done_mark="X",
    keyed_only=True,
    wants_keys=True,
    next_key=next_t_key,
)
