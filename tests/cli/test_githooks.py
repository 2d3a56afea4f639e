"""The hooks of git: what is written and taken away again, and what they do at a commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import processes
import pytest

from craftkit.automation import git_hook_files

Ck = Callable[..., tuple[int, Any, str]]
HOOKS = git_hook_files.HOOKS
BOX = "- [ ] T001 One"
TICKED = "- [x] T001 One"


class Git:
    """git, with a `craftkit` in PATH that is this one."""

    def __init__(self, repo: Path, bin_: Path) -> None:
        self.repo, self.bin = repo, bin_
        bin_.mkdir()
        program = bin_ / "craftkit"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m craftkit "$@"\n')
        program.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"}

    def run(self, *args: str, cwd: Path | None = None, **env: str) -> Any:
        return subprocess.run(
            ["git", *args],
            cwd=cwd or self.repo,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def __call__(self, *args: str, cwd: Path | None = None, **env: str) -> str:
        done = self.run(*args, cwd=cwd, **env)
        assert done.returncode == 0, (args, done.stdout, done.stderr)
        return str(done.stdout)

    def commit(self, *args: str, cwd: Path | None = None, **env: str) -> str:
        """Make an empty commit; its message."""
        self("commit", "-q", "--allow-empty", *args, cwd=cwd, **env)
        return self("log", "-1", "--format=%B", cwd=cwd).strip()


@pytest.fixture
def git(repo: Path, spec: Path, ck: Ck) -> Git:
    git = Git(repo, repo.parent / "bin")
    git("add", "--all")
    git("commit", "-q", "-m", "specs")
    return git


def hooks_of(folder: Path) -> dict[str, Any]:
    found = {p.name: (p.read_bytes(), p.stat().st_mode) for p in folder.glob("*") if p.is_file()}
    return {name: facts for name, facts in found.items() if not name.endswith(".sample")}


def install(ck: Ck, verb: str = "install", **more: Any) -> dict[str, Any]:
    code, answer, err = ck("schedule", verb, "--target", "git-hooks", "--json", **more)
    assert code == 0, (answer, err)
    data: dict[str, Any] = answer["data"]
    return data


def settled(ck: Ck, key: str = "T001", cwd: Path | None = None) -> bool:
    """Whether the task is recorded as done when the hooks have ended."""
    limit = time.monotonic() + processes.LIMIT
    while time.monotonic() < limit:
        events = ck("history", "--json", cwd=cwd)[1]["data"]["events"]
        if any(e["event"] == "task.done" and e["task_id"] == key for e in events):
            return True
        time.sleep(0.1)
    return False


# What is written


def test_install_twice_remove_twice(git: Git, ck: Ck) -> None:
    folder = git.repo / ".git/hooks"
    before = hooks_of(folder)
    assert install(ck)["changed"] is True
    installed = hooks_of(folder)
    assert set(installed) - set(before) == set(HOOKS)
    assert all(mode & 0o111 for _, mode in installed.values())
    status = ck("schedule", "status", "--target", "git-hooks", "--json")[1]["data"]["schedules"]
    assert status[0]["state"] == "installed" and len(status[0]["places"]) == 3
    assert install(ck)["changed"] is False
    assert hooks_of(folder) == installed
    assert install(ck, "remove")["changed"] is True
    assert hooks_of(folder) == before
    assert install(ck, "remove")["changed"] is False


def test_print_is_what_install_writes(git: Git, ck: Ck) -> None:
    files = install(ck, "print")["files"]
    install(ck)
    assert {f["path"]: f["text"] for f in files} == {
        f["path"]: Path(f["path"]).read_text() for f in files
    }


def test_the_lines_are_the_same_in_every_release() -> None:
    """Changing a block would make every installed one look changed."""
    import hashlib

    blocks = b"".join(git_hook_files.block(name) for name in HOOKS)
    assert hashlib.sha256(blocks).hexdigest()[:16] == "f4e83c3f3fd64f97"


FOREIGN = {
    "plain": b"#!/bin/sh\necho mine\n",
    "exits early": b"#!/bin/bash\nexit 0\n",
    "hook manager": b'#!/usr/bin/env bash\nARGS=(x)\nexec true "${ARGS[@]}"\n',
    "husky": b'#!/usr/bin/env sh\n. "$(dirname "$0")/h"',
    "no last line end": b"#!/bin/sh\nset -eu\necho mine",
    "only a first line": b"#!/bin/sh",
    "not UTF-8": b"#!/bin/sh -e\n# \xff\xfe\r\necho mine\n",
    "our first line": b"#!/bin/sh\n",
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("mode", [0o755, 0o750])
def test_a_foreign_hook_comes_back_byte_for_byte(git: Git, ck: Ck, name: str, mode: int) -> None:
    folder = git.repo / ".git/hooks"
    folder.mkdir(exist_ok=True)
    for hook in HOOKS:
        (folder / hook).write_bytes(FOREIGN[name])
        (folder / hook).chmod(mode)
    before = hooks_of(folder)
    install(ck)
    installed = hooks_of(folder)
    assert all(installed[hook][0] != FOREIGN[name] for hook in HOOKS)
    assert all(installed[hook][1] == before[hook][1] for hook in HOOKS)
    assert install(ck)["changed"] is False and hooks_of(folder) == installed
    install(ck, "remove")
    assert hooks_of(folder) == before


@pytest.mark.parametrize(
    "data",
    [
        b"#!/usr/bin/env python3\nprint()\n",
        b"echo no first line\n",
        b"",
        b"\x7fELF\0",
        b"#!/bin/sh\r\n",
    ],
    ids=["python", "no shebang", "empty", "binary", "crlf"],
)
def test_what_is_no_shell_script_is_left_alone(git: Git, ck: Ck, data: bytes) -> None:
    hook = git.repo / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(data)
    hook.chmod(0o755)
    before = hooks_of(hook.parent)
    code, _, err = ck("schedule", "install", "--target", "git-hooks")
    assert code == 2 and "left alone" in err and "hint: put the lines" in err
    assert hooks_of(hook.parent) == before


def test_a_hook_that_is_switched_off_or_a_symlink_is_left_alone(git: Git, ck: Ck) -> None:
    hook = git.repo / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o644)
    code, _, err = ck("schedule", "install", "--target", "git-hooks")
    assert code == 2 and "not executable" in err
    hook.unlink()
    hook.symlink_to(git.repo / "elsewhere")
    code, _, err = ck("schedule", "install", "--target", "git-hooks")
    assert code == 2 and "symlink" in err and "hint:" in err
    assert not (git.repo / "elsewhere").exists()


@pytest.mark.parametrize("verb", ["install", "remove"])
@pytest.mark.parametrize("how", ["edited", "half"])
def test_what_a_user_changed_is_left_alone(git: Git, ck: Ck, verb: str, how: str) -> None:
    install(ck)
    hook = git.repo / ".git/hooks/pre-push"
    text = hook.read_text()
    changed = text.replace("pre-push", "pre-pull")
    hook.write_text(changed if how == "edited" else text.replace("# craftkit end\n", ""))
    before = hooks_of(hook.parent)
    code, _, err = ck("schedule", verb, "--target", "git-hooks")
    assert code == 2 and "left alone" in err and "hint: delete them" in err
    assert hooks_of(hook.parent) == before
    status = ck("schedule", "status", "--target", "git-hooks", "--json")[1]["data"]
    assert status["schedules"][0]["state"] == "changed"


def test_lines_that_a_user_added_to_our_file_stay(git: Git, ck: Ck) -> None:
    install(ck)
    hook = git.repo / ".git/hooks/pre-push"
    with hook.open("a") as file:
        file.write("echo mine\n")
    install(ck, "remove")
    assert hook.read_text() == "#!/bin/sh\necho mine\n"


def test_a_symlink_to_the_hooks_is_followed_only_in_gits_own_directory(git: Git, ck: Ck) -> None:
    """A clone brings symlinks in the worktree; what is in `.git` a person has put there."""
    away = git.repo.parent / "away"
    away.mkdir()
    (git.repo / "tools").symlink_to(away)
    git("config", "core.hooksPath", "tools/hooks")
    code, _, err = ck("schedule", "install", "--target", "git-hooks")
    assert code == 1 and "symlink" in err and list(away.iterdir()) == []
    git("config", "--unset", "core.hooksPath")
    shutil.rmtree(git.repo / ".git/hooks", ignore_errors=True)
    (git.repo / ".git/hooks").symlink_to(away)
    install(ck)
    assert (away / "post-commit").is_file()


def test_hooks_path_and_the_folders_made_for_it(git: Git, ck: Ck) -> None:
    git("config", "core.hooksPath", "tools/git/hooks")
    data = install(ck)
    assert data["places"][0] == str(git.repo / "tools/git/hooks/post-commit")
    assert hooks_of(git.repo / ".git/hooks") == {}
    install(ck, "remove")
    assert not (git.repo / "tools").exists()


def test_hooks_that_are_switched_off(git: Git, ck: Ck) -> None:
    git("config", "core.hooksPath", os.devnull)
    code, _, err = ck("schedule", "install", "--target", "git-hooks")
    assert code == 2 and "switched off" in err and "hint:" in err
    assert ck("schedule", "status")[0] == 0


def test_notes_of_an_odd_place(git: Git, ck: Ck, tmp_path: Path) -> None:
    path = {"PATH": git.env["PATH"]}
    assert install(ck, **path)["notes"] == []
    install(ck, "remove")
    assert "not in PATH" in install(ck, PATH="/usr/bin:/bin")["notes"][0]
    install(ck, "remove")
    git("config", "core.hooksPath", str(tmp_path / "everywhere"))
    assert "other repositories" in install(ck, **path)["notes"][0]
    git("config", "core.hooksPath", ".husky/_")
    assert "husky" in install(ck, **path)["notes"][0]


def test_without_git(tmp_path: Path, ck: Ck) -> None:
    place = tmp_path / "plain"
    place.mkdir()
    assert ck("init", cwd=place)[0] == 0
    code, _, err = ck("schedule", "install", "--target", "git-hooks", cwd=place)
    assert code == 2 and "no git repository" in err
    code, answer, _ = ck("schedule", "status", "--target", "git-hooks", "--json", cwd=place)
    assert code == 0 and answer["data"]["schedules"][0]["state"] == "absent"


@pytest.mark.parametrize("words", [["--every", "5"], ["--commit"], ["--commit", "--push"]])
def test_options_of_a_job_are_refused(git: Git, ck: Ck, words: list[str]) -> None:
    for verb in ("print", "install"):
        code, _, err = ck("schedule", verb, "--target", "git-hooks", *words)
        assert code == 2 and "hint:" in err
    assert hooks_of(git.repo / ".git/hooks") == {}


# What they do


def test_a_commit_settles_what_was_ticked(git: Git, ck: Ck, spec: Path) -> None:
    install(ck)
    ck("session-resume")
    spec.write_text(spec.read_text().replace(BOX, TICKED))
    git.commit("-a", "-m", "one")
    assert settled(ck)
    assert git("status", "--porcelain") == ""


def test_a_linked_worktree(git: Git, ck: Ck, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git("worktree", "add", "-q", "-b", "side", str(other))
    data = install(ck, cwd=other)
    assert data["places"][0] == str(git.repo / ".git/hooks/post-commit")
    ck("session-resume", cwd=other)
    ck("task", "start", "T002", cwd=other)
    path = other / "specs/login.md"
    path.write_text(path.read_text().replace(BOX, TICKED))
    assert git.commit("-a", "-m", "one", cwd=other) == "one\n\nTask: login/T002"
    assert settled(ck, cwd=other)
    assert git.commit("-m", "in the main worktree") == "in the main worktree"


def test_a_push_is_not_stopped(git: Git, ck: Ck, spec: Path, tmp_path: Path) -> None:
    install(ck)
    ck("session-resume")
    git("init", "-q", "--bare", str(tmp_path / "far.git"))
    git("remote", "add", "far", str(tmp_path / "far.git"))
    spec.write_text(spec.read_text().replace(BOX, TICKED))
    (git.repo / ".craftkit/config.yaml").write_text("not: [yaml\n")
    git("push", "-q", "far", "main")
    (git.repo / ".craftkit/config.yaml").unlink()
    git("push", "-q", "far", "main:again")
    assert settled(ck)


def test_hooks_of_the_user_keep_stdin_arguments_and_status(
    git: Git, ck: Ck, tmp_path: Path
) -> None:
    folder = git.repo / ".git/hooks"
    folder.mkdir(exist_ok=True)
    hook = folder / "pre-push"
    hook.write_text(f'#!/bin/sh\nset -eu\n{{ echo "$1"; cat; }} >"{tmp_path}/said"\nexit 3\n')
    hook.chmod(0o755)
    (folder / "post-commit").write_text(f'#!/bin/sh -eu\nwait\necho ran >"{tmp_path}/ran"\n')
    (folder / "post-commit").chmod(0o755)
    install(ck)
    git("init", "-q", "--bare", str(tmp_path / "far.git"))
    git("remote", "add", "far", str(tmp_path / "far.git"))
    assert git.run("push", "far", "main").returncode != 0
    said = (tmp_path / "said").read_text().split()
    assert said[0] == "far" and said[1] == "refs/heads/main"
    git.commit("-m", "x")
    assert (tmp_path / "ran").exists()


def test_without_craftkit_the_hooks_are_silent_and_harmless(
    git: Git, ck: Ck, tmp_path: Path
) -> None:
    folder = git.repo / ".git/hooks"
    folder.mkdir(exist_ok=True)
    (folder / "post-commit").write_text(f'#!/bin/sh\necho ran >"{tmp_path}/ran"\n')
    (folder / "post-commit").chmod(0o755)
    install(ck)
    done = git.run("commit", "-q", "--allow-empty", "-m", "x", PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("program", ["exit 1", "exit 127", "kill -9 $$", "echo noise; exit 2"])
def test_a_broken_craftkit_never_fails_a_commit(git: Git, ck: Ck, program: str) -> None:
    install(ck)
    (git.bin / "craftkit").write_text(f"#!/bin/sh\n{program}\n")
    done = git.run("commit", "-q", "--allow-empty", "-m", "x")
    assert (done.returncode, done.stdout) == (0, "") and "noise" not in done.stderr


# The trailer


def test_the_trailer_of_the_task_in_progress(git: Git, ck: Ck) -> None:
    install(ck)
    assert git.commit("-m", "none in progress") == "none in progress"
    ck("task", "start", "T001")
    assert git.commit("-m", "one") == "one\n\nTask: login/T001"
    assert git.commit("--amend", "--no-edit") == "one\n\nTask: login/T001"
    assert git.commit("-m", "mine\n\ntask: other/9") == "mine\n\ntask: other/9"
    assert git.commit("-m", "a\n\nSee: b").endswith("See: b\nTask: login/T001")
    assert git.commit("-v", "-m", "with a diff\n\n---\nmore").endswith("more\n\nTask: login/T001")
    assert git.commit("-m", "fixup! one") == "fixup! one"
    assert git.commit("-m", "off", CRAFTKIT_NO_GIT_HOOKS="1") == "off"
    ck("task", "start", "T002", CRAFTKIT_SESSION="s2")
    assert git.commit("-m", "two in progress") == "two in progress"


def test_an_empty_message_still_gives_a_commit_up(git: Git, ck: Ck) -> None:
    install(ck)
    ck("task", "start", "T001")
    head = git("rev-parse", "HEAD")
    assert git.run("commit", "--allow-empty", GIT_EDITOR="true").returncode != 0
    (git.repo / "template").write_text("What\n\nWhy\n")
    untouched = git.run("commit", "--allow-empty", "-t", "template", GIT_EDITOR="true")
    assert untouched.returncode != 0 and git("rev-parse", "HEAD") == head


def test_merges_squashes_picks_and_rebases_get_none(git: Git, ck: Ck) -> None:
    git("checkout", "-q", "-b", "side")
    for name in ("a", "b"):
        (git.repo / name).write_text(name)
        git("add", name)
        git("commit", "-q", "-m", f"side {name}")
    git("checkout", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "main")
    install(ck)
    ck("task", "start", "T001")
    said = "log", "-1", "--format=%B"
    git("cherry-pick", "side~1")
    assert git(*said).strip() == "side a"
    git("reset", "-q", "--hard", "HEAD~1")
    git("merge", "-q", "--no-ff", "-m", "both", "side")
    assert git(*said).strip() == "both"
    git("reset", "-q", "--hard", "HEAD~1")
    git("merge", "-q", "--squash", "side")
    assert "Task:" not in git.commit("--no-edit")
    git("reset", "-q", "--hard", "HEAD~1")
    git("checkout", "-q", "side")
    git("rebase", "-q", "main")
    assert "Task:" not in git("log", "--format=%B", "main..side")


def test_an_odd_spec_id_gets_no_trailer(git: Git, ck: Ck, spec: Path) -> None:
    install(ck)
    spec.write_text(spec.read_text().replace("id: login", 'id: "log\\u202ein"'))
    ck("task", "start", "T001")
    assert git.commit("-m", "x") == "x"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no-such-event"],
        ["--version-of-what"],
        ["prepare-commit-msg"],
        ["prepare-commit-msg", "/no/such/file", "message"],
        ["prepare-commit-msg", ".git", "message"],
        ["prepare-commit-msg", "\udcff", "message"],
        ["prepare-commit-msg", "huge", "message"],
        ["prepare-commit-msg", "binary", "message"],
        ["pre-push", "--force", "-x", "\x1b[31m"],
        ["post-commit", *["x"] * 1000],
    ],
    ids=lambda words: " ".join(words)[:30].encode("ascii", "replace").decode(),
)
def test_the_command_is_silent_whatever_it_gets(git: Git, ck: Ck, words: list[str]) -> None:
    ck("task", "start", "T001")
    (git.repo / "huge").write_bytes(b"x" * (2 << 20))
    (git.repo / "binary").write_bytes(b"\0\xff" * 100)
    assert ck("git-hook", *words) == (0, "", "")
    assert (git.repo / "huge").stat().st_size == 2 << 20


def test_outside_of_craftkit_and_without_a_readable_state(tmp_path: Path, git: Git, ck: Ck) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for event in HOOKS:
        assert ck("git-hook", event, "x", "message", cwd=plain) == (0, "", "")
    assert list(plain.iterdir()) == []
    (git.repo / ".craftkit/config.yaml").write_text("github: [\n")
    (git.repo / "message").write_text("x\n")
    assert ck("git-hook", "prepare-commit-msg", "message", "message") == (0, "", "")
    loud = ck("git-hook", "prepare-commit-msg", "message", "message", CRAFTKIT_DEBUG="1")
    assert loud[0] == 0 and "BadConfig" in loud[2]


def test_the_command_is_hidden(ck: Ck) -> None:
    assert "git-hook " not in ck("--help")[1]
