"""The local loop below the command line: a context whose clock and ids are given."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from given import SPEC, Clock, Open
from places import state_of

from craftkit import repo as git
from craftkit.model import Session
from craftkit.runtime.config import DEFAULTS
from craftkit.runtime.context import Context
from craftkit.store import db


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository that is set up, with a spec of four tasks; without git, which none needs."""
    place = tmp_path.resolve()
    (place / ".git").mkdir()
    (place / ".git/HEAD").write_text("ref: refs/heads/main\n")
    db.prepare_state_dir(str(state_of(place)))
    lines = "- [ ] T001 One\n- [ ] T002 Two (depends on T001)\n- [ ] T003 Three\n- [ ] T004 Four\n"
    (place / "specs").mkdir()
    (place / "specs/demo.md").write_text(SPEC + lines)
    return place


@pytest.fixture
def opened(root: Path, clock: Clock) -> Iterator[Open]:
    """`opened("s2")` → the context of another session."""
    ids = (f"id-{number:04d}" for number in itertools.count(1))
    contexts: list[Context] = []

    def make(session: str = "s1", **config: str) -> Context:
        found = git.find(str(root))
        assert found is not None
        who = Session(session, "person", str(root), "main", None, "ada")
        settings = {**DEFAULTS, **config}
        context = Context(found, settings, who, clock=clock, ids=lambda: next(ids), env={})
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
