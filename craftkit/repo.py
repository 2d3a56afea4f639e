"""Facts about the git repository around a directory, read from its files.

Hooks run this at every edit, so git itself is started only where its files cannot be read (the
reftable format) and for what only the index knows.  Odd files never raise: they read as "unknown".
"""

import os
from typing import NamedTuple

from craftkit import disk

STATE_DIR = ".craftkit"
_READ_LIMIT = 1 << 20
_FILE_LIMIT = 64 << 20  # bytes of a spec file
_GIT_TIMEOUT = 5
_HEX = frozenset("0123456789abcdef")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_SCHEMES = frozenset(("https", "http", "ssh", "git", "git+ssh", "ssh+git"))
# Other names of the same host, as its documentation gives them for ssh over port 443 and the web.
_HOST_ALIASES = {"ssh.github.com": "github.com", "www.github.com": "github.com"}
# What lies in a worktree's git directory while an operation of several steps is going on.
_IN_BETWEEN = (
    *("rebase-merge", "rebase-apply", "sequencer"),
    *("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"),
)
# Refs that each worktree has for itself; all others are shared.
_OWN_REFS = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_KEPT_GIT_ENV = frozenset(
    ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")
)


# Programs that git's configuration may name, and that none of our commands needs.
_RUNS_NOTHING = (
    *("-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "-c", "gpg.program="),
    *("-c", "core.pager=cat", "-c", "core.sshCommand=false", "-c", "diff.external="),
)


class Repo(NamedTuple):
    """Where we are.  All paths are absolute, without symlinks."""

    worktree: str  # top of the current worktree
    root: str  # top of the main worktree, if there is one
    git_dir: str | None  # this worktree's own git directory
    common_dir: str | None  # the git directory that all worktrees share
    missing: str | None = None  # the git directory that `.git` names, if it is not there

    @property
    def state_dir(self) -> str:
        """Where the private state is: in git's own directory, which git never carries elsewhere."""
        if self.common_dir is not None:
            return os.path.join(self.common_dir, "craftkit")
        return os.path.join(self.root, STATE_DIR, "state")

    @property
    def private_dir(self) -> str:
        """Where the private state of this worktree alone is; it goes when the worktree goes."""
        if self.git_dir is not None:
            return os.path.join(self.git_dir, "craftkit")
        return self.state_dir

    @property
    def worktree_name(self) -> str:
        """How git names this worktree: its git directory, relative to the shared one."""
        if self.git_dir is None or self.common_dir is None:
            return "."
        return os.path.relpath(self.git_dir, self.common_dir)


def find(start: str) -> Repo | None:
    """The repository that `start` is in; without git, the nearest directory with `.craftkit`.

    Only the working directory counts: GIT_DIR and the like, which git sets for its hooks, are
    ignored.
    """
    try:
        here = os.path.realpath(start)
    except (OSError, ValueError):
        return None
    fallback: str | None = None
    while True:
        git_dir = _git_dir(here)
        if git_dir is not None:
            common_dir = _common_dir(git_dir)
            return Repo(here, _root(here, git_dir, common_dir), git_dir, common_dir)
        named = _named_git_dir(here)
        if named is not None:  # in a container, say, that has the worktree and not the repository
            return Repo(here, here, None, None, missing=named)
        if is_git_directory(here) and os.path.basename(here) != ".git":
            return None  # inside a bare repository: what is around it has nothing to do with it
        if fallback is None and os.path.isdir(os.path.join(here, STATE_DIR)):
            fallback = here
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    return None if fallback is None else Repo(fallback, fallback, None, None)


def worktree_of(git_dir: str) -> str | None:
    """The linked worktree whose git directory (`…/worktrees/NAME`) this is, if it is there."""
    named = _first_line(os.path.join(git_dir, "gitdir"))
    if not named:
        return None
    folder = os.path.dirname(os.path.join(git_dir, named))
    return _real(folder) if os.path.isdir(folder) else None


def stamp_of(repo: Repo, name: str) -> int | None:
    """What tells a worktree from a later one whose git directory has the same name.

    When git made it, which `commondir` says: git never writes that file again, and an inode may be
    used again at once.  The main worktree has no such file, and its directory's inode counts.
    0 if it is gone, None if nobody can tell.
    """
    folder = os.path.join(repo.common_dir or repo.state_dir, name)
    try:
        if name.startswith("worktrees" + os.sep):
            return os.stat(os.path.join(folder, "commondir")).st_mtime_ns
        return os.stat(folder).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError:
        return None


def folder_to_mount(missing: str) -> str:
    """The folder that brings back a git directory which `.git` names and which is not there."""
    for part in ("worktrees", "modules"):
        above, found, _ = missing.partition(f"{os.sep}{part}{os.sep}")
        if found:
            return above
    return missing


def is_git_directory(level: str) -> bool:
    """Whether `level` itself has what git asks of a git directory."""
    return os.path.lexists(os.path.join(level, "HEAD")) and all(
        os.path.isdir(os.path.join(level, name)) for name in ("objects", "refs")
    )


def is_bare(repo: Repo) -> bool:
    """Whether this is the folder around a bare repository, which is not a worktree."""
    return (
        repo.common_dir is not None
        and repo.git_dir == repo.common_dir
        and _says_bare(repo.common_dir)
    )


def branch(repo: Repo) -> str | None:
    """The current branch, born or not; None when HEAD is detached."""
    ref = _head_ref(repo)
    if ref is None or not ref.startswith("refs/heads/"):
        return None
    return ref.removeprefix("refs/heads/") or None


def head(repo: Repo) -> str | None:
    """The current commit in hex; None before the first commit."""
    value = _head_line(repo)
    if value is None or repo.git_dir is None or repo.common_dir is None:
        return None
    if _is_reftable(value):
        return _as_commit(run_git(repo, "rev-parse", "--quiet", "--verify", "HEAD") or "")
    for _ in range(5):  # a symbolic ref may name another one, not for ever
        if not value.startswith("ref:"):
            return _as_commit(value)
        ref = value[4:].strip()
        if not ref.startswith("refs/") or ".." in ref:
            return None
        base = repo.git_dir if ref.startswith(_OWN_REFS) else repo.common_dir
        loose = _first_line(os.path.join(base, ref))
        if loose is None:
            return _packed(repo.common_dir, ref)
        value = loose
    return None


WIKI = ".wiki"  # how the repository of a project's wiki ends


def remote(repo: Repo) -> tuple[str, str, str] | None:
    """Host, owner and name of `origin`, else of the only remote; a wiki has no issues."""
    found = remotes(repo)
    only = next(iter(found.values())) if len(found) == 1 else None
    return found.get("origin", only)


def remotes(repo: Repo, *, wikis: bool = False) -> dict[str, tuple[str, str, str]]:
    """Host, owner and name of each remote by its name; or of those that are wikis."""
    urls: dict[str, str] = {}
    for section, name, key, value in _config(repo.common_dir) if repo.common_dir else ():
        if section == "remote" and key == "url":
            urls.setdefault(name, value)
    parsed = {name: _parse_url(url) for name, url in urls.items()}
    return {n: p for n, p in parsed.items() if p is not None and p[2].endswith(WIKI) == wikis}


def is_tracked(repo: Repo, path: str) -> bool:
    """Whether git tracks `path` (absolute or relative to the worktree); False without a repository.

    The path may be in another worktree.  True also if git cannot say: what may have come with a
    clone is not to be trusted.
    """
    if repo.git_dir is None:
        return False
    folder, name = os.path.split(os.path.join(repo.worktree, path))
    if not os.path.isdir(folder):
        folder, name = repo.worktree, path
    there = repo._replace(worktree=folder)
    return run_git(there, "--literal-pathspecs", "ls-files", "--", name) != ""


def branch_with(repo: Repo, path: str) -> str | None:
    """The branch, of the hundred that were worked on last, that has `path`; None without one."""
    if repo.common_dir is None:
        return None
    listed = ("for-each-ref", "--count=100", "--sort=-committerdate", "refs/heads", "refs/remotes")
    refs = (run_git(repo, *listed, "--format=%(refname)") or "").split()
    asked = "".join(f"{ref}:{path}\n" for ref in refs)
    found = (run_git(repo, "cat-file", "--batch-check", given=asked) or "") if refs else ""
    for ref, line in zip(refs, found.splitlines(), strict=False):
        if " blob " in line:
            return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
    return None


def first_day(repo: Repo, path: str) -> str:
    """The day (YYYY-MM-DD) of the commit that brought `path`; "" where git does not say.

    A shallow clone's history begins anywhere, so it says nothing.
    """
    if repo.common_dir is None or os.path.exists(os.path.join(repo.common_dir, "shallow")):
        return ""
    given = ("log", "--follow", "--diff-filter=A", "--format=%as", "--", path)
    days = (run_git(repo, *given) or "").split()
    return min(days, default="")


def hooks_folder(repo: Repo) -> str | None:
    """Where git looks for hooks: the shared git directory, or what `core.hooksPath` says."""
    if repo.git_dir is None:
        return None
    found = run_git(repo, "rev-parse", "--git-path", "hooks")
    return None if not found else os.path.normpath(os.path.join(repo.worktree, found))


def is_in_between(repo: Repo) -> bool:
    """Whether a rebase, merge, cherry-pick or revert is going on: the files are nobody's state."""
    return repo.git_dir is not None and any(
        os.path.lexists(os.path.join(repo.git_dir, name)) for name in _IN_BETWEEN
    )


def is_as_committed(repo: Repo, path: str) -> bool:
    """Whether git can bring back the file `path` of the worktree as it is now.

    Its content is compared, as git may have been told to take it for unchanged.
    """
    if repo.git_dir is None:
        return False
    known = run_git(repo, "rev-parse", "--quiet", "--verify", f"HEAD:{path}")
    data = _read_bytes(os.path.join(repo.worktree, path))
    if known is None or data is None:
        return False
    # Not by `git hash-object`, which would run the filters of the repository.
    texts = (data, data.replace(b"\r\n", b"\n"))
    return any(known == _blob_name(text, len(known)) for text in texts)


def _blob_name(data: bytes, length: int) -> str:
    """The object name of a file: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects"""
    import hashlib

    kind = hashlib.sha256 if length == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(data) + data).hexdigest()


def _read_bytes(path: str) -> bytes | None:
    try:
        return disk.read_regular(path, _FILE_LIMIT)
    except (OSError, ValueError):
        return None


def add_trailer(repo: Repo, path: str, trailer: str) -> bool:
    """Add `Key: value` to the commit message in a file, where it has no such key; if git could."""
    how = ("--if-exists", "doNothing", "--if-missing", "add", "--where", "end")
    given = ("interpret-trailers", "--in-place", "--no-divider", *how, "--trailer", trailer, path)
    # Outside of the repository, whose configuration may name a command for a trailer.
    return run_git(repo._replace(worktree=os.sep), *given) is not None


def _git_dir(level: str) -> str | None:
    """The git directory that `level/.git` is or names, if it is one."""
    dot_git = os.path.join(level, ".git")
    resolved = _real(dot_git) if os.path.isdir(dot_git) else _named_git_dir(level)
    if resolved is None or not os.path.lexists(os.path.join(resolved, "HEAD")):
        return None
    return resolved


def _named_git_dir(level: str) -> str | None:
    """The git directory that the file `level/.git` names, whether it is there or not."""
    text = _first_line(os.path.join(level, ".git"))
    named = "" if text is None or not text.startswith("gitdir:") else text[7:].strip()
    return _real(os.path.join(level, named)) if named else None


def _says_bare(common_dir: str) -> bool:
    """Whether the configuration says that the repository has no main worktree."""
    found = [(key, value) for section, _, key, value in _config(common_dir) if section == "core"]
    own = _config(common_dir, "config.worktree")  # where extensions.worktreeConfig keeps it
    found += [(key, value) for section, _, key, value in own if section == "core"]
    return dict(found).get("bare", "").lower() in ("true", "yes", "on", "1")


def _common_dir(git_dir: str) -> str:
    text = _first_line(os.path.join(git_dir, "commondir"))
    if not text:
        return git_dir
    common = _real(os.path.join(git_dir, text))
    return common if common is not None and os.path.isdir(common) else git_dir


def _root(worktree: str, git_dir: str, common_dir: str) -> str:
    if git_dir == common_dir:  # a main worktree, or a submodule, which is one too
        return worktree
    if _says_bare(common_dir):
        return worktree  # there is no main worktree
    if os.path.basename(common_dir) == ".git":
        return os.path.dirname(common_dir)
    # A worktree of a submodule: the submodule's git directory says where its main worktree is.
    for section, _, key, value in _config(common_dir):
        if section == "core" and key == "worktree":
            main = _real(os.path.join(common_dir, value))
            if main is not None and os.path.isdir(main):
                return main
    return worktree  # git's directory is elsewhere, and does not say where the main worktree is


def _real(path: str) -> str | None:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return None


def _read(path: str) -> str | None:
    try:
        return os.fsdecode(disk.read_regular(path, _READ_LIMIT))
    except (OSError, ValueError):
        return None


def _first_line(path: str) -> str | None:
    text = _read(path)
    return None if text is None else text.partition("\n")[0].strip()


def _head_line(repo: Repo) -> str | None:
    return None if repo.git_dir is None else _first_line(os.path.join(repo.git_dir, "HEAD"))


def _head_ref(repo: Repo) -> str | None:
    value = _head_line(repo)
    if value is None or not value.startswith("ref:"):
        return None
    if _is_reftable(value):
        return run_git(repo, "symbolic-ref", "--quiet", "HEAD")
    return value[4:].strip()


def _is_reftable(head_line: str) -> bool:
    return head_line.startswith("ref:") and head_line[4:].strip() == "refs/heads/.invalid"


def _as_commit(text: str) -> str | None:
    """`text` if it is an object name: 40 hex digits, or 64 in a SHA-256 repository."""
    return text if len(text) in (40, 64) and _HEX.issuperset(text) else None


def _packed(common_dir: str, ref: str) -> str | None:
    path = os.path.join(common_dir, "packed-refs")
    wanted = b" " + os.fsencode(ref)
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            for line in file:
                line = line.rstrip(b"\r\n")
                if line.endswith(wanted) and not line.startswith((b"#", b"^")):
                    return _as_commit(os.fsdecode(line[: -len(wanted)]))
    except (OSError, ValueError):
        pass
    return None


def _config(common_dir: str, file: str = "config") -> list[tuple[str, str, str, str]]:
    """(section, subsection, key, value) of each setting in a config file, includes left out."""
    found: list[tuple[str, str, str, str]] = []
    section = name = ""
    text = _read(os.path.join(common_dir, file)) or ""
    for raw in text.replace("\\\r\n", "").replace("\\\n", "").split("\n"):
        line = raw.strip()
        if line.startswith("["):
            header, closed, line = line[1:].partition("]")
            if not closed:
                continue
            section, _, quoted = header.partition(" ")
            section = section.lower()
            name = _unquote(quoted.strip())
            line = line.strip()
        key, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found.append((section, name, key.strip().lower(), _unquote(value.strip())))
    return found


def _unquote(value: str) -> str:
    """A config value without quotes, escapes and a trailing comment."""
    out: list[str] = []
    quoted = False
    chars = iter(value)
    for char in chars:
        if char == "\\":
            out.append(next(chars, ""))
        elif char == '"':
            quoted = not quoted
        elif char in "#;" and not quoted:
            break
        else:
            out.append(char)
    return "".join(out).strip()


def _parse_url(url: str) -> tuple[str, str, str] | None:
    scheme, has_scheme, rest = url.partition("://")
    if has_scheme:
        if scheme.lower() not in _SCHEMES:
            return None
        host, _, path = rest.partition("/")
        host = host.rpartition("@")[2].partition(":")[0]
    else:
        host, colon, path = url.partition(":")
        if not colon or "/" in host:
            return None
        host = host.rpartition("@")[2]
        if len(host) < 2:  # a drive letter
            return None
    host = host.lower()
    owner, _, name = path.strip("/").partition("/")
    name = name.removesuffix(".git")
    if not (_is_name(host) and _is_name(owner) and _is_name(name)):
        return None
    return _HOST_ALIASES.get(host, host), owner, name


def _is_name(text: str) -> bool:
    return bool(text) and text not in (".", "..") and _NAME.issuperset(text)


def run_git(repo: Repo, *args: str, given: str = "") -> str | None:
    """The output of one git command, which reads `given`; None if it fails or there is no git."""
    import subprocess

    # A hook of git passes GIT_DIR and the like on; they would override the worktree.
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT_GIT_ENV}
    env |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *_RUNS_NOTHING, *args],
            cwd=repo.worktree,
            env=env,
            input=os.fsencode(given),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_GIT_TIMEOUT,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None
