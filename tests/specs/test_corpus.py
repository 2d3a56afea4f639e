"""I8 on real files: every Markdown file of the folder that CRAFTKIT_CORPUS names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from craftkit.specs import parse
from craftkit.specs.edit import encode, tick, untick

FOLDER = os.environ.get("CRAFTKIT_CORPUS", "")
pytestmark = pytest.mark.skipif(
    not FOLDER or not Path(FOLDER).is_dir(), reason="CRAFTKIT_CORPUS names no folder"
)


def test_i8_every_file_of_the_corpus_survives() -> None:
    for path in sorted(Path(FOLDER).rglob("*.md")):
        data = path.read_bytes()
        spec = parse(data, path.as_posix())
        assert encode(spec.text) == data, path
        for task in spec.tasks:
            if spec.blocked_by or task.mark not in " xX":
                continue
            edited = encode((untick if task.checked else tick)(spec, task))
            assert sum(a != b for a, b in zip(data, edited, strict=True)) == 1, path
            after = parse(edited, path.as_posix(), dialect=spec.dialect)
            states = [t.checked for t in spec.tasks]
            states[task.place - 1] = not task.checked
            assert [t.checked for t in after.tasks] == states, path
