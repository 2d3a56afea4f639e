"""Whatever git does to branches, worktrees and objects, the state is as it was."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import ground as grounds
import pytest
from ground import Ground, git
from hypothesis import given
from hypothesis import strategies as st

from craftkit.loop import worktree_changes
from craftkit.store.worktrees import Worktree


def rows(ground: Ground) -> list[str]:
    with closing(sqlite3.connect(ground.state / "craftkit.db")) as connection:
        return list(connection.iterdump())


def _switch(work: Path) -> None:
    git(work, "checkout", "-q", "--orphan", "empty")
    git(work, "rm", "-rqf", ".")
    git(work, "commit", "-q", "--allow-empty", "-m", "nothing")
    git(work, "checkout", "-q", "main")


def _commit_all(work: Path) -> None:
    _switch(work)
    git(work, "checkout", "-q", "empty")
    git(work, "add", "-A")
    assert git(work, "ls-files") == ""
    git(work, "checkout", "-q", "main")


def _stash(work: Path) -> None:
    (work / "new.txt").write_text("new")
    git(work, "stash", "-uq")
    git(work, "stash", "pop", "-q")
    git(work, "stash", "--all", "-q")


def _rebase(work: Path) -> None:
    git(work, "checkout", "-qb", "topic", "HEAD~1")
    git(work, "commit", "-q", "--allow-empty", "-m", "topic")
    git(work, "rebase", "-q", "main")


def _bisect(work: Path) -> None:
    git(work, "commit", "-q", "--allow-empty", "-m", "later")
    git(work, "bisect", "start", "HEAD", "HEAD~2")
    git(work, "bisect", "reset")


def _worktrees(work: Path) -> None:
    git(work, "worktree", "add", "-q", str(work.parent / "w1"), "-b", "w1")
    git(work, "worktree", "move", str(work.parent / "w1"), str(work.parent / "w2"))
    git(work, "worktree", "remove", str(work.parent / "w2"))
    git(work, "worktree", "add", "-q", str(work.parent / "w3"), "-b", "w3")
    shutil.rmtree(work.parent / "w3")
    git(work, "worktree", "prune")


LIFE: dict[str, Callable[[Path], object]] = {
    "a branch without any file": _switch,
    "add -A on such a branch": _commit_all,
    "stash -u and stash --all": _stash,
    "clean -fdx": lambda work: git(work, "clean", "-fdxq"),
    "gc": lambda work: git(work, "gc", "-q", "--aggressive", "--prune=now"),
    "fsck": lambda work: git(work, "fsck", "--strict"),
    "reset --hard": lambda work: git(work, "reset", "-q", "--hard", "HEAD"),
    "rebase": _rebase,
    "bisect": _bisect,
    "sparse-checkout": lambda work: git(work, "sparse-checkout", "set", "specs"),
    "worktrees": _worktrees,
    "pack-refs": lambda work: git(work, "pack-refs", "--all"),
}


@pytest.mark.parametrize("what", LIFE)
def test_the_state_is_as_it_was(what: str, ground: Ground) -> None:
    ground.ok("knowledge", "tip", "Mind the clock")
    before = rows(ground)
    LIFE[what](ground.work)
    assert rows(ground) == before
    private = {path.name for path in ground.state.iterdir()}
    assert {"craftkit.db", "clone.json", "key"} <= private
    git(ground.work, "checkout", "-qf", "main")
    resumed = ground.ok("session-resume")["data"]
    assert resumed["current"]["key"] == "T001" and resumed["progress"]["done"] == 1
    assert grounds.git(ground.work, "status", "--porcelain") in ("", "?? new.txt")
    assert "craftkit.db" not in git(ground.work, "ls-files", "-co")


@pytest.mark.parametrize(
    "flags", [("--depth", "1"), ("--filter=blob:none",), ("--shared",), ("--no-local",)], ids=str
)
def test_a_clone_of_any_kind_carries_nothing_and_works(
    ground: Ground, flags: tuple[str, ...]
) -> None:
    git(ground.work, "config", "uploadpack.allowFilter", "true")
    git(ground.top, "clone", "-q", *flags, f"file://{ground.work}", str(ground.top / "new"))
    new = ground._replace(work=ground.top / "new")
    assert not new.state.exists()
    new.ok("init")
    assert new.ask("select count(*) from claims") == [(0,)]
    assert new.ok("task", "start", "T001")["data"]["task"]["state"] == "in_progress"
    assert ground.ok("status")["ok"]


def test_clean_takes_the_spool_and_nothing_else(top: Path) -> None:
    """It is ignored, so that `git clean -x` deletes it; whoever spools is told so."""
    from craftkit.store import spool_folder

    ground = grounds.make("main worktree", top)
    if grounds.IS_ROOT:
        ground.give_to(grounds.NOBODY)
        ground = ground._replace(user=grounds.NOBODY)
    ground.ok("init")
    ground.ok("status")
    git(ground.work, "add", "-A")
    git(ground.work, "commit", "-qm", "set up")
    ground.give_to(ground.user)
    ground.state.chmod(0o555)
    (ground.state / "craftkit.db").chmod(0o444)
    done = ground.ck("task", "done", "T001")
    assert "`git clean -x` deletes it" in done.stderr and len(ground.spool) == 1
    assert git(ground.work, "status", "--porcelain") == "M specs/demo.md"
    before = rows(ground)
    git(ground.work, "clean", "-fdxq")
    assert not Path(spool_folder.directory(str(ground.work))).exists() and rows(ground) == before
    assert (ground.work / ".craftkit/config.yaml").exists()


def test_a_configuration_on_another_branch_is_said(ground: Ground) -> None:
    git(ground.work, "checkout", "-q", "--orphan", "other")
    git(ground.work, "rm", "-rqf", ".craftkit")
    git(ground.work, "commit", "-qm", "without it")
    answer = ground.ok("status")
    (note,) = (n for n in answer["diagnostics"] if n["code"] == "config_elsewhere")
    assert "it is on branch main" in note["message"]
    assert note["hint"] == "`git checkout main -- .craftkit/config.yaml` brings it here"
    ground.ok("init")
    assert not (ground.work / ".craftkit/config.yaml").exists(), "it is not missing"
    git(ground.work, "checkout", "-q", "main", "--", ".craftkit/config.yaml")
    assert ground.ok("status")["diagnostics"] == []


def test_claims_of_a_removed_worktree_are_released_and_said(ground: Ground) -> None:
    git(ground.work, "worktree", "add", "-q", str(ground.top / "side"), "-b", "side")
    side = ground._replace(work=ground.top / "side")
    side.ok("task", "start", "T003", CRAFTKIT_SESSION="two")
    assert ground.ck("task", "start", "T003").returncode != 0
    git(ground.work, "worktree", "remove", "--force", str(side.work))
    answer = ground.ok("status")
    (note,) = answer["diagnostics"]
    assert note["code"] == "worktree_gone"
    assert f"The worktree {side.work} is gone" in note["message"] and "T003" in note["message"]
    assert ground.ok("status")["diagnostics"] == []
    assert ground.ask("select task_id from claims") == [("T001",)]
    assert ground.ok("task", "start", "T003", "--switch")["data"]["task"]["state"] == "in_progress"
    events = ground.ask("select event, task_id from history where event = 'task.released'")
    assert events == [("task.released", "T003")]


def test_a_worktree_at_a_path_that_was_used_before_holds_nothing(ground: Ground) -> None:
    for branch in ("one", "two"):
        git(ground.work, "worktree", "add", "-q", str(ground.top / "side"), "-b", branch)
        side = ground._replace(work=ground.top / "side")
        assert side.ok("session-resume")["data"]["current"] is None
        side.ok("task", "start", "T003")
        git(ground.work, "worktree", "remove", "--force", str(side.work))


def test_what_was_begun_moves_with_its_worktree(ground: Ground) -> None:
    git(ground.work, "worktree", "add", "-q", str(ground.top / "side"), "-b", "side")
    ground._replace(work=ground.top / "side").ok("task", "start", "T003")
    git(ground.work, "worktree", "move", str(ground.top / "side"), str(ground.top / "there"))
    moved = ground._replace(work=ground.top / "there")
    answer = moved.ok("session-resume")
    assert answer["data"]["current"]["key"] == "T003"
    assert [note["code"] for note in answer["diagnostics"]] == ["worktree_moved"]
    assert moved.ok("session-resume")["diagnostics"] == []
    assert ground.ask("select distinct worktree from claims where task_id = 'T003'") == [
        (str(moved.work),)
    ]


NAMES = st.sampled_from([".", "worktrees/a", "worktrees/b", "worktrees/c"])
WORKTREES = st.builds(
    Worktree, name=NAMES, stamp=st.integers(1, 3), path=st.sampled_from(["/p", "/q", "/r", "/s"])
)


@given(
    known=st.lists(WORKTREES, unique_by=(lambda w: w.id, lambda w: w.path), max_size=4),
    here=WORKTREES,
    there=st.fixed_dictionaries(
        {f"worktrees/{n}": st.sampled_from([None, 0, 1, 2, 3]) for n in "abc"}
    ),
    shared=st.integers(1, 3),
)
def test_only_what_is_certainly_gone_is_let_go(
    known: list[Worktree], here: Worktree, there: dict[str, int | None], shared: int
) -> None:
    main = here if here.name == "." else Worktree(".", shared, "/main")
    stamps = there | {here.name: here.stamp, ".": main.stamp}
    restored = any(one.name == "." and one.stamp != main.stamp for one in known)
    found = worktree_changes.plan(known, here, main, stamps)
    for one in known:
        is_there = stamps[one.name] == one.stamp
        unknown = stamps[one.name] is None
        back = restored and stamps[one.name] not in (None, 0)
        assert (one in found.gone) == (not is_there and not unknown and not back)
    assert here not in found.gone
    assert (here in found.remembered) != (here in known) or restored
    assert "." in {one.name for one in (*known, *found.remembered)}
    if found.moved_from is not None:
        assert any(one.path == found.moved_from and one.name == here.name for one in known)
    again = worktree_changes.plan(
        [*(w for w in known if w not in found.gone and w.name != here.name), here],
        here,
        main,
        stamps,
    )
    assert here not in again.remembered and again.moved_from is None
