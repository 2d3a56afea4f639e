"""A copy is not the clone: it sends nothing, holds nothing and is off until `init`."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import ground as grounds
import pytest
from ground import Ground
from hypothesis import given
from hypothesis import strategies as st

from craftkit.runtime import clone
from craftkit.runtime.clone import IN_IMAGE, MOUNTED, Clone


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def _tar(source: Path, target: Path) -> None:
    _run("tar", "-C", source.parent, "-cf", target.with_suffix(".tar"), source.name)
    target.mkdir()
    _run("tar", "-C", target, "--strip-components=1", "-xf", target.with_suffix(".tar"))


def _zip(source: Path, target: Path) -> None:
    with zipfile.ZipFile(target.with_suffix(".zip"), "w") as archive:
        for path in source.rglob("*"):
            archive.write(path, path.relative_to(source))
    with zipfile.ZipFile(target.with_suffix(".zip")) as archive:
        archive.extractall(target)


COPYING: dict[str, Callable[[Path, Path], None]] = {
    "cp -r": lambda source, target: _run("cp", "-r", source, target),
    "cp -a": lambda source, target: _run("cp", "-a", source, target),
    "tar": _tar,
    "rsync": lambda source, target: _run("rsync", "-a", f"{source}/", target),
    "zip": _zip,
}


def queue_some(ground: Ground) -> None:
    """A creation and a closing that wait for GitHub."""
    add = "insert into outbox (spec_id, task_id, issue, action, state, created_at, updated_at)"
    with closing(sqlite3.connect(ground.state / "craftkit.db")) as connection, connection:
        connection.execute(f"{add} values ('demo', 'T003', null, 'create', 'queued', '', '')")
        connection.execute(f"{add} values ('demo', 'T002', 7, 'close', 'queued', '', '')")


def rows(ground: Ground) -> list[str]:
    with closing(sqlite3.connect(ground.state / "craftkit.db")) as connection:
        return list(connection.iterdump())


@pytest.mark.parametrize("how", COPYING)
def test_a_copy_is_off_until_init(how: str, ground: Ground) -> None:
    if how == "rsync" and shutil.which("rsync") is None:
        pytest.skip("needs rsync")
    queue_some(ground)
    before = rows(ground)
    COPYING[how](ground.work, ground.top / "copy")
    copy = ground._replace(work=ground.top / "copy")
    for words in (
        ("status",),
        ("task", "done", "T001"),
        ("reconcile", "--all"),
        ("outbox", "send"),
    ):
        done = copy.ck(*words, "--json")
        assert done.returncode == 2, done
        (note,) = json.loads(done.stdout)["diagnostics"]
        assert note["code"] == "copied_clone" and str(ground.work) in note["message"]
    for event in ("session-start", "stop", "session-end"):
        assert copy.hook(event) == ""
    assert rows(copy) == before, "nothing is stored in a copy that is off"
    said = copy.ck("init")
    assert said.returncode == 0 and "a state of its own" in said.stdout, said
    assert copy.ask("select count(*) from claims") == [(0,)]
    assert copy.ask("select action, state from outbox order by id") == [
        ("create", "unknown"),
        ("close", "queued"),
    ]
    ids = {json.loads((g.state / "clone.json").read_text())["id"] for g in (ground, copy)}
    keys = {(g.state / "key").read_bytes() for g in (ground, copy)}
    assert len(ids) == len(keys) == 2
    assert copy.ok("task", "start", "T001")["data"]["task"]["state"] == "in_progress"
    assert rows(ground) == before and ground.ok("status")["ok"]


def test_a_spool_file_of_the_original_is_refused_in_the_copy(ground: Ground) -> None:
    from craftkit.store import spool

    recorded = json.loads((ground.state / "clone.json").read_text())
    seal = spool.Seal((ground.state / "key").read_bytes(), recorded["id"], ".")
    entry = spool.Entry("ab" * 8, "done", "demo", "T003", "specs/demo.md", "abc", "2026-01-01")
    (ground.work / ".craftkit/spool").mkdir()
    (ground.work / f".craftkit/spool/{entry.id}.json").write_bytes(spool.render(entry, seal))
    shutil.copytree(ground.work, ground.top / "copy", symlinks=True)
    copy = ground._replace(work=ground.top / "copy")
    copy.ok("init")
    codes = [note["code"] for note in copy.ok("task", "list")["diagnostics"]]
    assert codes == ["spool_refused"] and "[ ] T003" in copy.text
    assert ground.ok("task", "list")["diagnostics"] == [] and "[x] T003" in ground.text


def test_a_copy_of_a_clone_that_is_off_has_a_state_of_its_own(ground: Ground) -> None:
    ground.ok("init", "--off")
    COPYING["cp -a"](ground.work, ground.top / "copy")
    copy = ground._replace(work=ground.top / "copy")
    copy.ok("init")
    assert copy.ask("select count(*) from claims") == [(0,)]
    ground.ok("init")
    assert ground.ok("session-resume")["data"]["current"]["key"] == "T001"


def test_a_copy_agrees_to_nothing_by_itself(ground: Ground) -> None:
    """What a person agreed to in one clone was not agreed to in another."""
    ground.ok("init", GITHUB_REPOSITORY="victim/private", CRAFTKIT_MCP_TRUST="all")
    assert "victim/private" in (ground.state / "trust.json").read_text()
    COPYING["cp -a"](ground.work, ground.top / "copy")
    copy = ground._replace(work=ground.top / "copy")
    copy.ok("init")
    assert copy.ok("trust", "list")["data"]["agreed"] == []
    assert len(ground.ok("trust", "list")["data"]["agreed"]) == 2


def test_what_lies_in_the_state_of_a_clone_that_is_off_is_not_agreed_to(top: Path) -> None:
    ground = grounds.make("main worktree", top)
    ground.state.mkdir()
    (ground.state / "trust.json").write_text('{"github.repo": ["victim/private"]}')
    ground.ok("init")
    assert ground.ok("trust", "list")["data"]["agreed"] == []
    ground.ok("init", GITHUB_REPOSITORY="mine/own")
    ground.ok("init", "--off")
    ground.ok("init")
    assert len(ground.ok("trust", "list")["data"]["agreed"]) == 1, "one's own word stays"


def test_what_was_moved_stays_what_it_was(ground: Ground) -> None:
    ground.work.rename(ground.top / "moved")
    moved = ground._replace(work=ground.top / "moved")
    resumed = moved.ok("session-resume")["data"]
    assert resumed["current"]["key"] == "T001"
    assert json.loads((moved.state / "clone.json").read_text())["path"] == str(moved.work / ".git")


@pytest.mark.parametrize("how", ["cp -a", "tar", "zip"])
def test_what_was_restored_stays_what_it_was(how: str, ground: Ground) -> None:
    """A backup that comes back, at its old place or at another."""
    kept = ground.top / "backup"
    COPYING[how](ground.work, kept)
    shutil.rmtree(ground.work)
    for place in ("repo", "elsewhere"):
        kept.rename(ground.top / place)
        kept = ground.top / place
        back = ground._replace(work=kept)
        assert back.ok("session-resume")["data"]["current"]["key"] == "T001", place
    assert ground.top / "elsewhere" == kept


def test_a_clone_in_an_image_is_a_copy_in_the_container(ground: Ground) -> None:
    """The image was built elsewhere: another machine, or the same as which every one counts."""
    path = ground.state / "clone.json"
    recorded = json.loads(path.read_text())
    path.write_text(json.dumps(recorded | {"machine": "0123 builder", "container": IN_IMAGE}))
    assert ground.ck("status").returncode == 2
    assert ground.hook("session-start") == ""
    ground.ok("init")
    assert ground.ask("select count(*) from claims") == [(0,)]
    assert ground.ok("status")["ok"]


CLONES = st.builds(
    Clone,
    id=st.just("one"),
    path=st.sampled_from(["/a/.git", "/b/.git"]),
    inode=st.integers(1, 2),
    machine=st.sampled_from(["m", "n"]),
    container=st.sampled_from(["", IN_IMAGE, MOUNTED]),
    uid=st.integers(0, 1),
    file=st.sampled_from(["5.1", "6.2"]),
)


@given(recorded=CLONES, now=CLONES, at_old_path=st.sampled_from([None, "one", "two"]))
def test_the_rule(recorded: Clone, now: Clone, at_old_path: str | None) -> None:
    found = clone.is_same(recorded, now, at_old_path)
    elsewhere = recorded.machine != now.machine or recorded.uid != now.uid
    both_new = recorded.path != now.path and recorded.inode != now.inode
    if not elsewhere:
        assert found == (not both_new or at_old_path != "one")
    elif IN_IMAGE in (recorded.container, now.container) or MOUNTED not in (
        recorded.container,
        now.container,
    ):
        assert not found
    else:  # one folder that a machine and its container share
        assert found == (recorded.inode == now.inode and recorded.file == now.file)
