"""`init`: the configuration and the state directory, without breaking what is there."""

from __future__ import annotations

import os
from typing import Any

from craftkit import repo as git
from craftkit.errors import BadConfig, CannotWrite, UsageProblem
from craftkit.loop import spec_index
from craftkit.model import Diagnostic
from craftkit.runtime.config import STATE_DIR, read_config
from craftkit.runtime.context import build_context, here
from craftkit.store import db
from craftkit.text import count

CONFIG = """\
# craftkit's configuration; every value can be overridden by CRAFTKIT_<SECTION>_<KEY>.
github:
  repo: {repo}
session:
  live_minutes: 60
"""


def init(cwd: str | None = None) -> tuple[dict[str, Any], list[str], list[Diagnostic]]:
    """Set up the repository around `cwd`, else the directory itself; data, words and remarks.

    Raises CannotWrite, or UsageProblem inside a bare repository.
    """
    where = os.path.realpath(cwd or here())
    found = git.find(where) or git.Repo(where, where, None, None)
    if found.git_dir is None and _is_bare(where):
        raise UsageProblem(
            f"{where} is a bare git repository, which has no files to work on.",
            "run `craftkit init` in a worktree or a clone of it",
        )
    state = os.path.join(found.root, STATE_DIR)
    config = os.path.join(state, "config.yaml")
    existed = os.path.exists(config)
    repo, passed_over = _of_remote(found)
    try:
        db.prepare_state_dir(state)
        if not existed:
            db.write_whole(config, CONFIG.format(repo=repo or '""').encode(), 0o644)
    except OSError as error:
        raise CannotWrite(
            f"{state} cannot be written ({error.strerror}).", "check the directory's permissions"
        ) from error
    context = build_context(found, os.environ)
    named, repo = repo, str(context.config["github.repo"])
    if passed_over is not None and not repo:
        context.diagnostics.append(passed_over)
    if named and not repo:
        context.note(
            "info",
            "no_repository",
            f"The git remote names {named}, but no repository is configured: nothing is sent.",
            f"set `github.repo: {named}` in .craftkit/config.yaml",
        )
    specs = spec_index.load_all(context)
    for spec in specs:
        spec_index.record_snapshot(context, spec)
    data = {
        "root": found.root,
        "config": config,
        "created": not existed,
        "repo": repo or None,
        "git": found.git_dir is not None,
        "specs": len(specs),
    }
    lines = [f"craftkit is set up in {found.root}" if not existed else "craftkit is set up already"]
    if repo:
        lines.append(f"GitHub repository: {repo}")
    if found.git_dir is None:
        lines.append("This is not a git repository; craftkit works here all the same.")
    lines.append(
        f"{count(len(specs), 'spec')} found: craftkit status"
        if specs
        else 'next: craftkit spec new "What to build"'
    )
    return data, lines, context.diagnostics


def _of_remote(found: git.Repo) -> tuple[str, Diagnostic | None]:
    """OWNER/NAME that the git remote names on our GitHub, or "" and why it names none."""
    from craftkit.github import address

    remote = git.remote(found)
    if remote is None:
        return "", None
    host, owner, name = remote
    try:
        server = address.find_server(os.environ, read_config(found.root, os.environ), remote)
    except BadConfig as error:
        return "", Diagnostic("warning", error.code, error.message, error.hint)
    if address.is_host_of(server, host):
        return f"{owner}/{name}", None
    return "", Diagnostic("warning", "foreign_remote", *address.foreign(server, host))


def _is_bare(where: str) -> bool:
    parts = [os.path.join(where, name) for name in ("HEAD", "objects", "refs")]
    return all(os.path.exists(part) for part in parts)
