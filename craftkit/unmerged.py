"""What other worktrees and branches of this clone have, and the current branch has not."""

import os

from craftkit import repo as git
from craftkit.repo import Repo

REFS = 100  # the branches that were worked on last
TEXTS = 30  # different versions of one file
TEXT_LIMIT = 2 << 20  # bytes of one


def worktrees(repo: Repo) -> list[str]:
    """The other worktrees of this clone that are there."""
    if repo.common_dir is None:
        return []
    folder = os.path.join(repo.common_dir, "worktrees")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        names = []
    linked = [git.worktree_of(os.path.join(folder, name)) for name in names]
    main = None if git.is_bare(repo) else repo.root
    found = dict.fromkeys(path for path in (main, *linked) if path is not None)
    return [path for path in found if path != repo.worktree]


def would_bring(repo: Repo, worktree: str, path: str) -> bool:
    """Whether a file of another worktree, as it is there, is not part of our history yet."""
    there = git.find(worktree)
    if there is None or not git.is_as_committed(there, path):
        return True
    commit = git.head(there)
    return (
        commit is None or git.run_git(repo, "merge-base", "--is-ancestor", commit, "HEAD") is None
    )


def texts(repo: Repo, path: str) -> list[tuple[str, bytes]]:
    """(branch, bytes of the file there) of the branches that are not merged into this one."""
    if repo.common_dir is None:
        return []
    listed = (f"--count={REFS}", "--sort=-committerdate", "--no-merged=HEAD", "--format=%(refname)")
    refs = (git.run_git(repo, "for-each-ref", *listed, "refs/heads", "refs/remotes") or "").split()
    asked = "".join(f"{ref}:{path}\n" for ref in refs)
    answer = (git.run_git(repo, "cat-file", "--batch-check", given=asked) or "") if refs else ""
    first: dict[str, str] = {}  # object -> the branch that has it
    for ref, line in zip(refs, answer.splitlines(), strict=False):
        name, _, rest = line.partition(" ")
        kind, _, size = rest.partition(" ")
        if kind == "blob" and int(size) <= TEXT_LIMIT and len(first) < TEXTS:
            first.setdefault(name, ref.removeprefix("refs/heads/").removeprefix("refs/remotes/"))
    found = []
    for name, branch in first.items():
        text = git.run_git(repo, "cat-file", "blob", name)
        if text is not None:
            found.append((branch, os.fsencode(text)))
    return found
