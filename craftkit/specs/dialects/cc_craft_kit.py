"""cc-craft-kit's spec files, both generations: bold Japanese metadata, or front matter."""

from __future__ import annotations

from .base import T_KEY, Dialect

CC_CRAFT_KIT = Dialect(
    name="cc-craft-kit",
    patterns=(".cc-craft-kit/specs/*.md",),
    key=T_KEY,
    whole_file=False,
    has_metadata=True,
    section="## 実装タスクリスト",
)
