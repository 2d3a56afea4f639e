"""`init`: the configuration and the state directory, without breaking what is there."""

from __future__ import annotations

import os
from typing import Any

from craftkit import repo as git
from craftkit.errors import CannotWrite
from craftkit.store import db
from craftkit.workflow import catalog
from craftkit.workflow.context import STATE_DIR, build_context

CONFIG = """\
# craftkit's configuration; every value can be overridden by CRAFTKIT_<SECTION>_<KEY>.
github:
  repo: {repo}
session:
  live_minutes: 60
"""


def init(cwd: str | None = None) -> tuple[dict[str, Any], list[str]]:
    """Set up the repository around `cwd`, else the directory itself.  Raises CannotWrite."""
    where = os.path.realpath(cwd or os.getcwd())
    found = git.find(where) or git.Repo(where, where, None, None)
    state = os.path.join(found.root, STATE_DIR)
    config = os.path.join(state, "config.yaml")
    remote = git.remote(found)
    repo = f"{remote[1]}/{remote[2]}" if remote else ""
    existed = os.path.exists(config)
    try:
        db.prepare_state_dir(state)
        if not existed:
            descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                os.write(descriptor, CONFIG.format(repo=repo or '""').encode())
            finally:
                os.close(descriptor)
    except OSError as error:
        raise CannotWrite(
            f"{state} cannot be written ({error.strerror}).", "check the directory's permissions"
        ) from error
    context = build_context(found, os.environ)
    specs = catalog.load_all(context)
    for spec in specs:
        catalog.observe(context, spec)
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
        lines.append("This is no git repository; craftkit works here all the same.")
    lines.append(
        f"{len(specs)} specs found: craftkit status"
        if specs
        else 'next: craftkit spec new "What to build"'
    )
    return data, lines
