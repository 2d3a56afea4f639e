"""The table of docs/state.md is what happens; nothing of the environment moves the state."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import ground as grounds
import matrix
import pytest
import sampling
from ground import IS_ROOT, NOBODY, Ground

PAGE = Path(__file__).parents[2] / "docs/state.md"
TRIED = [(place, kind) for place, kind in product(grounds.PLACES, matrix.USERS)]


def rows() -> list[str]:
    return re.findall(r"(?m)^\| .* \|$", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("place", "kind"), sampling.some(TRIED, 8))
def test_the_table_is_what_happens(place: str, kind: str) -> None:
    if matrix.why_not(kind):
        pytest.skip(matrix.why_not(kind))
    found = matrix.line(place, kind)
    print(found)
    assert found in rows(), f"{found}\nprint the table: python tests/state/matrix.py"


def test_the_table_has_every_place_and_everybody() -> None:
    named = [tuple(cell.strip() for cell in row.split("|")[1:3]) for row in rows()]
    assert [pair for pair in named if pair in TRIED] == TRIED


def test_what_git_sets_for_its_hooks_moves_nothing(top: Path, ground: Ground) -> None:
    other = grounds.PLACES["main worktree"](top / "other")
    for name, value in (
        ("GIT_DIR", str(other / ".git")),
        ("GIT_WORK_TREE", str(other)),
        ("GIT_COMMON_DIR", str(other / ".git")),
        ("GIT_INDEX_FILE", str(other / ".git/index")),
    ):
        listed = ground.ok("task", "list", **{name: value})["data"]["tasks"]
        assert [t["state"] for t in listed[:2]] == ["in_progress", "done"], name
    assert not (other / ".git/craftkit").exists()


@pytest.mark.parametrize(
    "place", sampling.some([p for p in grounds.PLACES if "linked" in p or "bare" in p], 2)
)
def test_all_worktrees_share_one_state(place: str, top: Path) -> None:
    one = grounds.make(place, top)
    one.ok("init")
    grounds.git(one.work, "worktree", "add", "-q", str(top / "more"), "-b", "more")
    two = one._replace(work=top / "more")
    assert two.state == one.state
    one.ok("task", "start", "T001", CRAFTKIT_SESSION="first")
    refused = two.ck("task", "start", "T001", CRAFTKIT_SESSION="second")
    assert refused.returncode != 0 and "first" in refused.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root can be another user")
@pytest.mark.parametrize("place", sampling.some(list(grounds.PLACES)[:-1], 4))
def test_what_root_makes_belongs_to_the_owner_of_the_repository(place: str, top: Path) -> None:
    visitor = matrix.Visitor(grounds.make(place, top), matrix.ROOT, "http://127.0.0.1:9")
    visitor.ground.give_to(NOBODY)
    for words in (("init",), ("task", "start", "T001"), ("task", "done", "T001")):
        assert visitor.run(*words).returncode == 0
    visitor.ground.hook("session-start")
    made = [visitor.ground.state, *visitor.ground.state.rglob("*")]
    made += [visitor.ground.work / ".craftkit", visitor.ground.work / ".craftkit/config.yaml"]
    wrong = [str(path) for path in made if path.exists() and path.stat().st_uid != NOBODY]
    assert len(made) > 5 and wrong == []
    owner = visitor.ground._replace(user=NOBODY)
    assert owner.ok("task", "done", "T002")["data"]["changed"]


def read_only_bind(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command where git's directory is mounted read-only."""
    git_dir = repository / ".git"
    script = f"mount --bind -o ro {git_dir} {git_dir} && mount -o remount,bind,ro {git_dir}"
    script += f" && cd {repository} && {' '.join(words)}"
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False
    )


def can_bind() -> bool:
    if not IS_ROOT or shutil.which("unshare") is None:
        return False
    with grounds.folder() as place:
        (place / ".git").mkdir()
        return read_only_bind(place, "true").returncode == 0


@pytest.mark.skipif(not can_bind(), reason="takes root and mount namespaces")
def test_a_read_only_mount_reads_and_spools(ground: Ground) -> None:
    python = f"PATH=$PATH HOME={ground.top} CRAFTKIT_SESSION=abc {os.sys.executable} -P -m craftkit"  # type: ignore[attr-defined]
    assert read_only_bind(ground.work, "touch .git/x").returncode != 0
    listed = read_only_bind(ground.work, f"{python} task list")
    assert "[x] T002" in listed.stdout and "[-] T001" in listed.stdout, listed
    done = read_only_bind(ground.work, f"{python} task done T001 && {python} task next")
    assert "T001 done" in done.stdout and "next: T003" in done.stdout, done
    assert len(ground.spool) == 1 and ground.decided() == [("done", "T002"), ("start", "T001")]
    assert ground.ok("status")["data"]["progress"]["done"] == 2
    assert ground.spool == [] and ground.decided()[-1] == ("done", "T001")


def test_an_empty_git_directory_is_not_git(top: Path) -> None:
    """Codex mounts one over a folder without git, so that nothing inside can make a repository."""
    ground = grounds.make("without git", top)
    ground.ok("init")
    (ground.work / ".git").mkdir()
    ground.tick("T003")
    ground.hook("post-edit", edited=ground.work / "specs/demo.md")
    assert ("done", "T003") in ground.decided()


# What `doctor` says


def said_by_doctor(ground: Ground, **env: str) -> str:
    done = ground.ck("doctor", "--offline", **env)
    return done.stdout + done.stderr


def test_doctor_names_a_jj_workspace_without_git(top: Path) -> None:
    ground = grounds.make("without git", top)
    (ground.work / ".jj").mkdir()
    assert "a jj workspace without a `.git`, which is not supported" in said_by_doctor(ground)
    ground.ok("init")
    assert "`jj git init --colocate`" in said_by_doctor(ground)
    colocated = grounds.make("jj, colocated", top / "more")
    colocated.ok("init")
    assert "not supported" not in said_by_doctor(colocated)


def test_doctor_names_a_bare_repository_of_dotfiles(top: Path) -> None:
    (top / "home/specs").mkdir(parents=True)
    (top / "home/specs/demo.md").write_text(grounds.SPEC)
    grounds.git(top, "init", "-q", "--bare", str(top / "home/.dotfiles"))
    ground = Ground(top, top / "home")
    env = {"GIT_DIR": str(top / "home/.dotfiles"), "GIT_WORK_TREE": str(top / "home")}
    assert "craftkit goes by the working directory alone" in said_by_doctor(ground, **env)
    ground.ok("init")
    assert "a bare repository for dotfiles is not supported" in said_by_doctor(ground, **env)
    assert "dotfiles" not in said_by_doctor(ground)


def test_doctor_names_what_waits_in_a_submodule_of_a_linked_worktree(top: Path) -> None:
    inner = grounds.make("submodule of a linked worktree", top)
    inner.ok("init")
    inner.ok("task", "done", "T001")
    add = "insert into outbox (spec_id, action, state, created_at, updated_at)"
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(inner.state / "craftkit.db")) as connection, connection:
        connection.execute(f"{add} values ('demo', 'close', 'queued', '', '')")
    outer = inner._replace(work=top / "super")
    outer.ok("init")
    assert f"1 GitHub write waits in {inner.state.parent}" in said_by_doctor(outer)
    assert "before that worktree is removed" in said_by_doctor(outer)
