"""repo: what its files say is what git says, in every kind of checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from craftkit import repo
from craftkit.repo import Repo

HEX = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(autouse=True)
def _git_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.com")


def git(cwd: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *args],
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A repository with one commit on `main`."""
    path = tmp_path.resolve() / "top"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    (path / "a.md").write_text("a\n")
    git(path, "add", "a.md")
    git(path, "commit", "-q", "-m", "first")
    return path


def found(start: Path) -> Repo:
    result = repo.find(str(start))
    assert result is not None
    return result


def agrees_with_git(start: Path) -> Repo:
    """Everything that git can be asked, compared."""
    here = found(start)
    assert here.worktree == git(start, "rev-parse", "--show-toplevel")
    assert here.git_dir == git(start, "rev-parse", "--absolute-git-dir")
    common = os.path.join(start, git(start, "rev-parse", "--git-common-dir"))
    assert here.common_dir == os.path.realpath(common)
    assert repo.head(here) == git(start, "rev-parse", "HEAD")
    return here


def test_main_worktree_and_sub_directory(top: Path) -> None:
    sub = top / "x" / "y"
    sub.mkdir(parents=True)
    here = agrees_with_git(sub)
    assert here == agrees_with_git(top)
    assert here.root == str(top)
    assert repo.branch(here) == "main"


def test_start_may_be_a_file_a_missing_path_or_a_symlink(top: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(top)
    for start in (top / "a.md", top / "none" / "such", link):
        assert found(start) == found(top)


def test_linked_worktree_shares_the_root(top: Path) -> None:
    other = top.parent / "other"
    git(top, "worktree", "add", "-q", "-b", "feature/日本語", str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "second")
    (other / "sub").mkdir()
    here = agrees_with_git(other / "sub")
    assert (here.worktree, here.root) == (str(other), str(top))
    assert repo.branch(here) == "feature/日本語"
    assert repo.head(here) != repo.head(found(top))


def test_worktree_inside_the_main_one(top: Path) -> None:
    inner = top / ".worktrees" / "one"
    git(top, "worktree", "add", "-q", str(inner))
    here = agrees_with_git(inner)
    assert (here.worktree, here.root) == (str(inner), str(top))


def test_worktree_of_a_bare_repository_is_its_own_root(top: Path) -> None:
    bare, tree = top.parent / "bare.git", top.parent / "tree"
    git(top.parent, "clone", "-q", "--bare", str(top), str(bare))
    git(bare, "worktree", "add", "-q", "-b", "work", str(tree))
    here = agrees_with_git(tree)
    assert here.root == str(tree)
    assert repo.branch(here) == "work"


def test_submodule_is_its_own_root(top: Path) -> None:
    outer = top.parent / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "trunk")
    git(outer, "submodule", "--quiet", "add", str(top), "lib")
    here = agrees_with_git(outer / "lib")
    assert here.root == here.worktree == str(outer / "lib")
    assert repo.branch(here) == "main"
    assert found(outer).root == str(outer)

    tree = top.parent / "lib-tree"
    git(outer / "lib", "worktree", "add", "-q", str(tree))
    assert agrees_with_git(tree).root == str(outer / "lib")


def test_separate_git_dir(tmp_path: Path) -> None:
    tree = tmp_path.resolve() / "tree"
    git(tmp_path, "init", "-q", "-b", "main", f"--separate-git-dir={tmp_path}/store", str(tree))
    git(tree, "commit", "-q", "--allow-empty", "-m", "first")
    assert agrees_with_git(tree).root == str(tree)


def test_detached_head_has_no_branch(top: Path) -> None:
    git(top, "checkout", "-q", "--detach")
    assert repo.branch(agrees_with_git(top)) is None


def test_packed_refs(top: Path) -> None:
    git(top, "tag", "-a", "v1", "-m", "v1")
    git(top, "commit", "-q", "--allow-empty", "-m", "second")
    git(top, "branch", "x/main", "HEAD~1")
    git(top, "pack-refs", "--all")
    assert not (top / ".git" / "refs" / "heads" / "main").exists()
    assert repo.branch(agrees_with_git(top)) == "main"
    git(top, "commit", "-q", "--allow-empty", "-m", "third")  # loose again, wins over packed
    agrees_with_git(top)


def test_unborn_branch(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    here = found(tmp_path)
    assert repo.branch(here) == "main"
    assert repo.head(here) is None


def test_without_git_the_nearest_state_directory_counts(tmp_path: Path) -> None:
    base = tmp_path.resolve()
    (base / "p" / ".craftkit").mkdir(parents=True)
    (base / "p" / "q").mkdir()
    assert found(base / "p" / "q") == Repo(str(base / "p"), str(base / "p"), None, None)
    here = found(base / "p")
    assert repo.branch(here) is None
    assert repo.head(here) is None
    assert repo.remote(here) is None
    assert not repo.is_tracked(here, "a.md")


def test_git_counts_more_than_a_state_directory_below_it(top: Path) -> None:
    (top / "sub" / ".craftkit").mkdir(parents=True)
    assert found(top / "sub").root == str(top)


def test_nothing_to_find(tmp_path: Path) -> None:
    assert repo.find(str(tmp_path)) is None
    assert repo.find("bad\0path") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"gitdir:", b"gitdir: \0", b"\xff\xfe", b"x" * 5000],
)
def test_an_odd_git_file_is_no_repository(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".git").write_bytes(content)
    assert repo.find(str(tmp_path)) is None


def test_a_git_file_that_leads_nowhere_is_no_place_without_git(tmp_path: Path) -> None:
    top = tmp_path.resolve()
    (top / ".git").write_text("gitdir: /none/such/.git/worktrees/side\n")
    (top / "deep").mkdir()
    found = repo.find(str(top / "deep"))
    assert found is not None and found.worktree == found.root == str(top)
    assert found.git_dir is found.common_dir is None
    assert found.missing == "/none/such/.git/worktrees/side"
    assert repo.folder_to_mount(found.missing) == "/none/such/.git"


def test_an_odd_git_entry_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "a" / ".git").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / ".git")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".git").symlink_to(".git")
    for name in "abc":
        assert repo.find(str(tmp_path / name)) is None


@pytest.mark.parametrize(
    ("content", "branch"),
    [
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"ref:", None),
        (b"ref: refs/heads/", None),
        (b"ref: refs/../../../a.md", None),
        (b"ref: /etc/passwd", None),
        (b"ref: refs/heads/\0", "\0"),
        (b"ref: refs/heads/loop", "loop"),
        (b"zz" * 20, None),
        (b"abc", None),
    ],
)
def test_an_odd_head_is_unknown(top: Path, content: bytes, branch: str | None) -> None:
    (top / ".git" / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop\n")
    (top / ".git" / "HEAD").write_bytes(content)
    here = found(top)
    assert repo.branch(here) == branch
    assert repo.head(here) is None


def test_head_as_a_directory(top: Path) -> None:
    (top / ".git" / "HEAD").unlink()
    (top / ".git" / "HEAD").mkdir()
    (top / ".git" / "config").unlink()
    here = found(top)
    assert (repo.branch(here), repo.head(here), repo.remote(here)) == (None, None, None)


def fake_git(directory: Path, script: str) -> None:
    directory.mkdir()
    (directory / "git").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "git").chmod(0o755)


def test_reftable_asks_git(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (top / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")
    fake_git(
        top.parent / "bin",
        f'[ -z "$GIT_DIR" ] || exit 9\n'
        f'case "$*" in *symbolic-ref*) echo refs/heads/x/y;; *rev-parse*) echo {HEX};; esac',
    )
    here = found(top)
    monkeypatch.setenv("GIT_DIR", "/none/such")
    monkeypatch.setenv("PATH", f"{top.parent}/bin")
    assert (repo.branch(here), repo.head(here)) == ("x/y", HEX)
    monkeypatch.setenv("PATH", str(top / "none"))
    assert (repo.branch(here), repo.head(here)) == (None, None)


def test_files_are_read_without_git(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(top, "rev-parse", "HEAD")
    git(top, "remote", "add", "origin", "https://github.com/o/r")
    monkeypatch.setenv("PATH", str(top / "none"))
    here = found(top)
    assert (repo.branch(here), repo.head(here)) == ("main", commit)
    assert repo.remote(here) == ("github.com", "o", "r")
    assert repo.is_tracked(here, "a.md"), "nobody can say that it is not"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://github.com/owner/name", ("github.com", "owner", "name")),
        ("https://github.com/owner/name.git", ("github.com", "owner", "name")),
        ("https://user:secret@GitHub.com/Owner/re.po.git/", ("github.com", "Owner", "re.po")),
        ("https://user:p@ss@github.com/owner/name/", ("github.com", "owner", "name")),
        ("https://ghe.example.com:8443/owner/name", ("ghe.example.com", "owner", "name")),
        ("ssh://git@github.com/owner/name.git", ("github.com", "owner", "name")),
        ("ssh://git@ssh.github.com:443/owner/name.git", ("github.com", "owner", "name")),
        ("git@github.com:owner/name.git", ("github.com", "owner", "name")),
        ("git@github.com:/owner/name", ("github.com", "owner", "name")),
        ("github-work:owner/na_me.x", ("github-work", "owner", "na_me.x")),
        ("https://github.com/owner", None),
        ("https://github.com/a/b/c", None),
        ("https://github.com/owner/..", None),
        ("https://github.com/owner/.git", None),
        ("file:///srv/owner/name.git", None),
        ("/srv/owner/name.git", None),
        ("../owner/name", None),
        ("C:/owner/name", None),
        ("https://github.com/owner/name?x=1", None),
        ("", None),
    ],
)
def test_remote_url(top: Path, url: str, expected: tuple[str, str, str] | None) -> None:
    git(top, "config", "remote.origin.url", url)
    assert repo.remote(found(top)) == expected


def test_origin_wins_else_the_only_remote(top: Path) -> None:
    assert repo.remote(found(top)) is None
    git(top, "remote", "add", "fork", "git@github.com:me/r.git")
    assert repo.remote(found(top)) == ("github.com", "me", "r")
    git(top, "remote", "add", "other", "git@github.com:you/r.git")
    assert repo.remote(found(top)) is None
    git(top, "remote", "add", "origin", "git@github.com:us/r.git")
    assert repo.remote(found(top)) == ("github.com", "us", "r")


def test_remote_is_the_same_in_a_linked_worktree(top: Path) -> None:
    git(top, "remote", "add", "origin", "git@github.com:us/r.git")
    git(top, "worktree", "add", "-q", str(top.parent / "other"))
    assert repo.remote(found(top.parent / "other")) == ("github.com", "us", "r")


@pytest.mark.parametrize(
    "text",
    [
        '[remote "origin"]\n\turl = "https://github.com/o/r" ; why\n',
        '[Remote "origin"] URL=https://github.com/o/r # why\n',
        '# [remote "no"]\n;url = x\n[remote "origin"]\r\n url = https://github.com\\\n/o/r\r\n',
        '[remote "origin"]\nurl = https://github.com/o/r\nurl = https://github.com/o/second\n',
        'junk\n[broken\n[remote "origin"]\nurl = https://github.com/o/r\n\xff\x00',
    ],
)
def test_config_as_people_write_it(top: Path, text: str) -> None:
    (top / ".git" / "config").write_bytes(text.encode("latin-1"))
    assert repo.remote(found(top)) == ("github.com", "o", "r")


def test_is_tracked(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (top / "b.md").write_text("b\n")
    (top / "sub").mkdir()
    here = found(top / "sub")
    monkeypatch.setenv("GIT_DIR", "/none/such")  # as inside a git hook
    monkeypatch.setenv("GIT_INDEX_FILE", "/none/such")
    assert repo.is_tracked(here, "a.md")
    assert repo.is_tracked(here, str(top / "a.md"))
    for path in ("b.md", "none.md", "*.md", ":/", "--cached"):
        assert not repo.is_tracked(here, path), path
    for path in ("../a.md", "", "a\0.md"):  # git does not answer
        assert repo.is_tracked(here, path), path


def test_a_git_that_hangs_is_given_up(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_git(top.parent / "bin", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{top.parent}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(repo, "_GIT_TIMEOUT", 0.1)
    assert repo.is_tracked(found(top), "a.md"), "it may be tracked"
