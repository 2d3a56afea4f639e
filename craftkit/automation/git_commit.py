"""Committing spec files that craftkit changed, and nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from craftkit import repo as git
from craftkit.errors import CraftkitError
from craftkit.runtime.context import Context

MESSAGE = "Bring spec checkboxes in step with GitHub"
SECONDS = 120  # hooks of the repository may run tests
# Names for a machine that has none.  `.invalid` belongs to nobody, so no account gets the credit.
FALLBACK = ("craftkit", "noreply@craftkit.invalid")
ACTIONS = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
KEPT = (
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"),
    *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS"),
)


class CommitOutcome(NamedTuple):
    sha: str = ""  # of the commit that was made
    files: tuple[str, ...] = ()  # that are in it
    left: tuple[str, ...] = ()  # changed, but not in it
    pushed: bool = False
    refused: str = ""  # why nothing, or not everything, was committed or pushed: for a person
    error: CraftkitError | None = None


class GitResult(NamedTuple):
    code: int
    out: str
    err: str


def clean(context: Context, paths: Sequence[str]) -> set[str]:
    """Those of `paths` that git tracks and that are as HEAD has them."""
    if not paths:
        return set()
    tracked = _git(context, "ls-files", "-z", "--", *paths)
    differing = _git(context, "diff", "--name-only", "-z", "--no-renames", "HEAD", "--", *paths)
    if tracked.code or differing.code:  # no commit yet, say
        return set()
    return set(tracked.out.split("\0")) - set(differing.out.split("\0")) - {""}


def commit(context: Context, changed: Sequence[str], ready: set[str], push: bool) -> CommitOutcome:
    """Commit exactly those of `changed` that were `ready`, without anybody else's edits."""
    files = tuple(path for path in changed if path in ready)
    result = CommitOutcome(left=tuple(path for path in changed if path not in ready))
    if result.left:
        why = f"committed: {result.left[0]} had changes of its own, or is not tracked"
        result = result._replace(refused=why)
    branch = git.branch(context.repo)
    if files:
        staged = _git(context, "diff", "--cached", "--quiet")
        why = "committed: HEAD is detached" if branch is None else ""
        if staged.code:
            why = "committed: the index holds staged changes; commit the spec files with them"
        if why:
            return result._replace(left=tuple(changed), refused=why)
        made = _git(
            context, *_identity(context), "commit", "-q", "-m", MESSAGE, "--only", "--", *files
        )
        if made.code:
            return result._replace(left=tuple(changed), error=_failed("git commit", made))
        result = result._replace(sha=git.head(context.repo) or "", files=files)
    if push and branch is not None:
        return _push(context, branch, result)
    return result


def _identity(context: Context) -> list[str]:
    """`-c` words for the name and the address that git's configuration lacks."""
    on_actions = context.env.get("GITHUB_ACTIONS") == "true"
    name, email = ACTIONS if on_actions else FALLBACK
    words = []
    for key, value in (("user.name", name), ("user.email", email)):
        if not _git(context, "config", "--get", key).out.strip():
            words += ["-c", f"{key}={value}"]
    return words


def _push(context: Context, branch: str, result: CommitOutcome) -> CommitOutcome:
    """Push the branch where all that is new on it is craftkit's."""
    remote = _setting(context, f"branch.{branch}.remote") or "origin"
    target = _setting(context, f"branch.{branch}.merge") or f"refs/heads/{branch}"
    name = target.removeprefix("refs/heads/")
    new = _git(context, "log", "--format=%s", f"refs/remotes/{remote}/{name}..HEAD", "--")
    if new.code:
        return result._replace(refused=f"pushed: {remote} is not known to have {name}; push once")
    subjects = new.out.splitlines()
    if not subjects:
        return result
    if any(subject != MESSAGE for subject in subjects):
        return result._replace(refused=f"pushed: {branch} has commits of its own that are not yet")
    done = _git(context, "push", "-q", remote, f"HEAD:{target}")
    if done.code:
        return result._replace(error=_failed("git push", done))
    return result._replace(pushed=True)


def _setting(context: Context, key: str) -> str:
    return _git(context, "config", "--get", key).out.strip()


def _failed(what: str, ran: GitResult) -> CraftkitError:
    last = (ran.err.strip() or ran.out.strip() or f"exit {ran.code}").splitlines()[-1]
    return CraftkitError(f"`{what}` failed: {last[:200]}", f"run `{what}` by hand to see why")


def _git(context: Context, *args: str) -> GitResult:
    # A hook of git passes GIT_DIR and the like on; they would override the worktree.
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in KEPT}
    env |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
    env["CRAFTKIT_NO_GIT_HOOKS"] = "1"  # this commit is of no task, and nothing is left to settle
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *args],
            cwd=context.worktree,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return GitResult(127, "", str(error))
    return GitResult(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))
