"""Switch craftkit on for the length of a GitHub Actions job, on the workflow's own word.

`CRAFTKIT_TRUST=workflow` counts only with what a runner itself provides: the file of the event,
which lies outside of the checkout and names the repository.  Repository and host are those of the
event.  Source: https://docs.github.com/actions/reference/workflows-and-actions/variables; that a
scheduled run's event names the repository, too, is GitHub's change of 2022-09-27, and assumed.
"""

from __future__ import annotations

import json
import os

from craftkit import disk
from craftkit import repo as git
from craftkit.errors import CannotWrite, NotSetUp
from craftkit.runtime import clone, trust
from craftkit.runtime.context import here, identify, random_id
from craftkit.store import db

LIMIT = 4 << 20  # bytes of the event's file


def switch_on() -> None:
    """Record this clone and agree to the event's repository.  Raises NotSetUp or CannotWrite."""
    found = git.find(here())
    repository = "" if found is None else _repository(found)
    if found is None or not repository:
        raise NotSetUp(
            "CRAFTKIT_TRUST=workflow counts only in a job of GitHub Actions, beside no agent.",
            "run `craftkit init` in this clone",
        )
    try:
        db.prepare_state_dir(found.state_dir)
        trust.forget_all(found.state_dir)
        clone.record(found, random_id())
        trust.agree(found.state_dir, trust.REPO, repository)
        host = _host()
        if host:
            trust.agree(found.state_dir, trust.HOST, host)
    except OSError as error:
        raise CannotWrite(
            f"{error.filename or found.state_dir} cannot be written ({error.strerror}).",
            "check the permissions of the checkout",
        ) from error


def _repository(found: git.Repo) -> str:
    """The repository that the event names, if a runner wrote it; else ""."""
    env = os.environ
    path = os.path.realpath(env.get("GITHUB_EVENT_PATH") or os.devnull)
    is_runner = env.get("GITHUB_ACTIONS") == "true" and env.get("RUNNER_TEMP")
    if not is_runner or identify(found, env).agent != "person":
        return ""
    if path.startswith(found.root + os.sep) or not os.path.isfile(path):
        return ""
    try:
        named = json.loads(disk.read_regular(path, LIMIT))["repository"]["full_name"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return ""
    return named if isinstance(named, str) and named == env.get("GITHUB_REPOSITORY") else ""


def _host() -> str:
    """The Enterprise host that the runner names; "" for github.com and for a sandbox."""
    from craftkit.github import address
    from craftkit.sync import destination

    server = address.find_server(os.environ, {}, None)
    if address.is_loopback(server) or destination.is_agreed(server, {}):
        return ""
    return destination.host_of(server)
