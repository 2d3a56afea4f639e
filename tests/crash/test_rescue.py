"""I7: an editor saves between craftkit's last look and its swap, and craftkit is killed as well."""

from __future__ import annotations

import os
from pathlib import Path

import forked
import pytest
import stage as stages

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


REPLACE = os.replace  # the editor's own calls are not counted
WORDS = b"\nAn hour of somebody's work.\n"


def save(repo: Path) -> None:
    """As most editors do it: a new file, moved over the old one."""
    path, new = repo / stages.SPEC, repo / "specs/.demo.md.swp"
    new.write_bytes(path.read_bytes() + WORDS)
    REPLACE(new, path)


def test_i7_a_save_survives_a_kill_at_every_call(tmp_path: Path) -> None:
    stage = stages.Stage(tmp_path, "done")
    repo = stage.repo

    def kill(stop: int, side: str) -> tuple[int, list[str], str]:
        forked.reset(repo, stage.template)
        code, trace, said = forked.run_killed(
            repo, stage.args, stop, side, stage.known, lambda: save(repo)
        )
        return code, trace, said

    code, trace, said = kill(0, "")
    assert code == 0 and trace.count("exchange demo.md") == 3, said  # there, back, there again
    assert WORDS in (repo / stages.SPEC).read_bytes()
    first = trace.index("exchange demo.md") + 1
    writing = [n for n, call in enumerate(trace, 1) if not call.startswith(forked.READ)]
    ends = {}
    for stop in (n for n in writing if n >= first):
        for side in ("before", "after"):
            ends[stop, side] = kill(stop, side)[0], *after_a_kill(repo)
    wrong = {where: end for where, end in ends.items() if end[0] != -9 or end[1]}
    assert not wrong, wrong
    # The text that nothing else holds: killed straight after the first swap.
    rescued = [where for where, end in ends.items() if end[2]]
    assert (first, "after") in rescued and len(rescued) < len(ends) // 2


def after_a_kill(repo: Path) -> tuple[list[str], bool]:
    """Run any command; what is wrong then, and whether the save lies in a file of its own."""
    wrong = []
    code, said = forked.run(repo, "status")
    text = (repo / stages.SPEC).read_bytes()
    kept = list((repo / "specs").glob("craftkit-rescued-*.txt"))
    if code or b"- [x] T002" not in text:
        wrong.append(f"exit {code}, or T002 is not ticked: {said[-200:]}")
    if sum(WORDS in data for data in (text, *(p.read_bytes() for p in kept))) != 1:
        wrong.append("the save is lost, or is there twice")
    if len(kept) > 1 or any(f"specs/{p.name}" not in said for p in kept):
        wrong.append(f"nobody was told of {kept}")
    if list(repo.rglob(".craftkit-*")):
        wrong.append("a temporary file is left over")
    code, listed = forked.run(repo, "spec", "list")
    if code or len(listed.splitlines()) != 1:
        wrong.append(f"not one spec: {listed}")
    return wrong, bool(kept)
